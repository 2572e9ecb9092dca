"""Ids of photos in texts: in file names, in the ids of images, in text files.

An id is a complete number, not a part of a longer one. A number below 10**8, as Flickr gave them in its first two
years, could be anything; it counts as an id only if it is the whole text.
"""

import re
from collections.abc import Collection

NUMBER = re.compile(r"(?<![0-9])(?<![0-9]\.)[1-9][0-9]{8,18}(?![0-9])")
NUMBER_BYTES = re.compile(NUMBER.pattern.encode())


def names_photo(text: str, ids: Collection[str]) -> bool:
    """Whether `text`, such as `cat/53512345678_b.jpg`, is or names one of `ids`."""
    return text in ids or any(number in ids for number in NUMBER.findall(text))


def naming(texts: Collection[str], ids: Collection[str]) -> set[str]:
    """The `texts` that name one of `ids`."""
    if not set(ids).intersection([*texts, *NUMBER.findall("\n".join(texts))]):
        return set()
    return {text for text in texts if names_photo(text, ids)}


def is_ambiguous(photo_id: str) -> bool:
    """Whether the id is so short that it could be any number in a text."""
    return not NUMBER.fullmatch(photo_id)


def are_row_numbers(ids: Collection[str], rows: int) -> bool:
    """Whether the `ids` of a data set of `rows` images are only row numbers, because it has no ids of its own."""
    return bool(ids) and all(image_id.isdecimal() and int(image_id) < rows for image_id in ids)
