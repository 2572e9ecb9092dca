"""The one way to clean what strangers wrote."""


def shown(text: str, most: int) -> str:
    """A stranger's text for a terminal: control characters escaped, at most `most` characters."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 2 * most])
    return plain if len(plain) <= most else plain[: most - 1] + "…"
