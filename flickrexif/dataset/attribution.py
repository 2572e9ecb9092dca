"""The line that credits a photo: title, author, source and licence."""

import unicodedata

TITLE_LENGTH = 200
NAME_LENGTH = 100
URL_LENGTH = 500
JOINERS = "\u200c\u200d"  # invisible, but Persian words and emoji are spelt with them

# How the sentence goes on after the author, by Flickr's licence id; every other id is a licence proper.
STATEMENTS = {
    0: "is not under an open licence: {license}",
    7: "has no known copyright restrictions",
    8: "is a United States Government Work",
    9: "is dedicated to the public domain: {license}",
    10: "is free of known copyright: {license}",
}
LICENSED = "is licensed under {license}"


def attribution(
    *,
    title: str | None,
    owner_name: str | None,
    owner: str,
    page_url: str,
    license_id: int,
    license_name: str,
    license_url: str,
) -> str:
    """One line in the order Creative Commons recommends: title, author, source, licence.

    The 2.0 licences ask for the title and 4.0 does not; public-domain works ask for nothing. The line names all
    four for each of them, which satisfies every version. A photographer without a name is credited by NSID.
    Strangers' text is cut to a bounded length and loses control, bidirectional and other invisible
    characters.
    """
    work = f'"{name}"' if (name := plain(title, TITLE_LENGTH).replace('"', "'")) else "Untitled photo"
    author = plain(owner_name, NAME_LENGTH) or plain(owner, NAME_LENGTH)
    terms = STATEMENTS.get(license_id, LICENSED).format(license=license_name)
    return f"{work} by {author} ({plain(page_url, URL_LENGTH)}) {terms} ({license_url})"


def plain(text: str | None, length: int) -> str:
    """`text` on one line without invisible characters, cut to `length` characters; "" for None."""
    text = text or ""
    if not text.isprintable():
        text = "".join(map(_visible, text))
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _visible(char: str) -> str:
    if char.isprintable() or char in JOINERS:
        return char
    # Separators and control characters (newline, tab) part words; format characters (bidi) and surrogates go.
    return " " if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Zs"} else ""
