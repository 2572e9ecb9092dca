"""Which part of the work a machine does, where several share it without knowing of each other."""

from flickrexif.core.errors import UsageError


def shard_of(text: str) -> tuple[int, int]:
    """(3, 8) of "3/8", the third of eight parts; "" is (1, 1). UsageError for other texts."""
    number, slash, count = (text or "1/1").partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"{text[:40]!r} is no shard.", "Write it as 3/8, from 1/8 to 8/8.")
    return int(number), int(count)
