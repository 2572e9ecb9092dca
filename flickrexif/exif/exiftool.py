"""The photographing tags of an image file as the program exiftool reads them, for those who have it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from flickrexif.core.errors import MachineError, UsageError
from flickrexif.core.pictures import SUFFIXES, BadPicture, open_picture
from flickrexif.exif.files import PhotoFile, camera_of
from flickrexif.exif.printed import FLOAT
from flickrexif.exif.tags import SETTINGS_TAGS, TAGSPACES, raw_tags

Reader = Callable[[Path], PhotoFile]
Said = Mapping[str, Mapping[str, Any]]  # "tagspace:tag" -> {"val": as printed, "num": as a number where they differ}

_OTHER_SPACES = {"ExifOffset": "ExifIFD"}  # in a BigTIFF
_SPACES = {*TAGSPACES, *_OTHER_SPACES} - {"TIFF", "EXIF", "Composite"}  # the first two are Flickr's own
_SERIALS = ("ExifIFD:SerialNumber", "IFD0:SerialNumber", "XMP-aux:SerialNumber")
_READY = b"{ready}\n"


@contextmanager
def exiftool_reader() -> Iterator[Reader]:
    """A function that reads an image file as `flickrexif.exif.files.read_photo` does, by one exiftool that stays open.

    Size and orientation are read here. Raises UsageError where exiftool is not installed.
    """
    groups = [*(f"-{space}:all" for space in sorted(_SPACES)), "-Composite:Flash"]
    command = ["exiftool", "-stay_open", "True", "-@", "-", "-common_args", "-j", "-l", "-G1", *groups]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        hint = "apt-get install libimage-exiftool-perl, brew install exiftool, or leave out --reader."
        raise UsageError("exiftool is not installed.", hint) from None
    questions, answers = process.stdin, process.stdout
    assert questions
    assert answers
    try:
        yield lambda path: _photo(path, questions, answers)
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            questions.close()
        answers.close()
        process.wait()


def _photo(path: Path, questions: IO[bytes], answers: IO[bytes]) -> PhotoFile:
    picture = open_picture(path, tuple(SUFFIXES))
    if isinstance(picture, BadPicture):
        raise picture
    said = _said(path, questions, answers)
    tags, _ = raw_tags(_entries(said, "val"))
    numeric, _ = raw_tags(_entries(said, "num"))
    numbers = {tag: float(numeric[tag]) for tag in SETTINGS_TAGS if FLOAT.fullmatch(numeric.get(tag, ""))}
    serial = next((str(said[key]["val"]) for key in _SERIALS if key in said), "")
    return PhotoFile(tags, numbers, picture.width, picture.height, picture.orientation, camera_of(tags, serial))


def _said(path: Path, questions: IO[bytes], answers: IO[bytes]) -> Said:
    name = os.fsencode(path.absolute())
    if b"\n" in name or b"\r" in name:  # a question is a line
        raise BadPicture("not_readable", "exiftool is not given names with a line break", str(path))
    with suppress(BrokenPipeError):  # then there is no answer
        questions.write(name + b"\n-execute\n")
        questions.flush()
    lines: list[bytes] = []
    while not lines or lines[-1] != _READY:
        lines.append(answers.readline())
        if not lines[-1]:
            raise MachineError("exiftool has ended.", "Leave out --reader, or look whether exiftool works.")
    text = b"".join(lines[:-1]).decode("utf-8", "replace")
    records = json.loads(text or "[]", parse_int=str, parse_float=str)
    if not records:
        raise BadPicture("not_readable", "exiftool says nothing of it", str(path))
    return {key: value for key, value in records[0].items() if isinstance(value, dict)}


def _entries(said: Said, form: str) -> Iterator[Mapping[str, Any]]:
    """The tags in the form of flickr.photos.getExif."""
    for key, value in said.items():
        space, _, tag = key.partition(":")
        content = value.get(form, value["val"])
        text = ", ".join(map(str, content)) if isinstance(content, list) else content
        yield {"tagspace": _OTHER_SPACES.get(space, space), "tag": tag, "raw": text}
