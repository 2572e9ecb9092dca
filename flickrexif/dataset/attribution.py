"""The line that credits a photo: title, author, source and licence."""

from flickrexif.core.text import URL_LENGTH, plain

TITLE_LENGTH = 200
NAME_LENGTH = 100

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
