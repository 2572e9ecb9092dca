"""Photos' ids in texts: in file names, in the ids of images, in files of text.

An id is a whole number there, not a part of a longer one. A number below 10**8, as Flickr gave them in its first two
years, can be anything in a text; it is taken for an id only where the text is nothing else.
"""

import re
from collections.abc import Collection

NUMBER = re.compile(r"(?<![0-9])(?<![0-9]\.)[1-9][0-9]{8,18}(?![0-9])")
NUMBER_BYTES = re.compile(NUMBER.pattern.encode())


def names_photo(text: str, ids: Collection[str]) -> bool:
    """Whether `text`, such as `cat/53512345678_b.jpg`, is or names one of `ids`."""
    return text in ids or any(number in ids for number in NUMBER.findall(text))


def naming(texts: Collection[str], ids: Collection[str]) -> set[str]:
    """Those of `texts` that name one of `ids`."""
    if not set(ids).intersection([*texts, *NUMBER.findall("\n".join(texts))]):
        return set()
    return {text for text in texts if names_photo(text, ids)}


def is_ambiguous(photo_id: str) -> bool:
    """Whether the id is too short to be told from other numbers in a text."""
    return not NUMBER.fullmatch(photo_id)


def are_row_numbers(ids: Collection[str], rows: int) -> bool:
    """Whether a data set of `rows` images has no ids: its images are then called by their row numbers."""
    return bool(ids) and all(image_id.isdecimal() and int(image_id) < rows for image_id in ids)
