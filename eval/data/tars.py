"""Images in tar archives, as WebDataset lays them out, read where they lie: nothing is unpacked.

A sample is the members whose names are alike up to the first dot after the last slash: its key.
https://github.com/webdataset/webdataset
"""

import io
import os
import re
import tarfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.core.files import AGAIN
from flickrexif.core.image_files import ENDINGS, ending
from flickrexif.core.text import as_utf8, reason_of
from flickrexif.eval.data.folders import walk
from flickrexif.eval.data.names import LABELS, SPLITS, integer
from flickrexif.eval.data.source import Source, labelled, with_others

LONGEST = 2**20  # bytes of a header, a label or a JSON text that are read


class Member(NamedTuple):
    """Where a file lies in an archive, in bytes."""

    offset: int
    size: int


Sample = dict[str, Member]
"""Ending, such as jpg or cls -> member."""


class _Headers(io.FileIO):
    """An archive whose headers are read; of one above LONGEST bytes, only that there was one."""

    skipped = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise tarfile.ReadError("a header has a negative size")
        if size <= LONGEST:
            return super().read(size)
        self.skipped += 1
        self.seek(size, os.SEEK_CUR)
        return b""


def samples_of(path: Path) -> tuple[dict[str, Sample], Counter[str]]:
    """Key -> sample, of the regular members of an archive; and what is passed over, by kind.

    Raises FlickrExifError for an archive that is damaged, cut off, or has a member twice.
    """
    samples: dict[str, Sample] = {}
    passed_over = Counter[str]()
    try:
        with _Headers(path) as file, tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as archive:
            skipped = 0
            while (member := archive.next()) is not None:
                if member.size < 0:  # it would be read for ever
                    raise tarfile.ReadError("a member has a negative size")
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                odd, skipped = file.skipped > skipped, file.skipped
                kind = "member with a long header" if odd else _oddity(member)
                if kind:
                    passed_over[kind] += 1
                elif member.isreg():
                    _add(samples, member, path)
            file.seek(archive.offset)  # where tarfile saw the end, or a header that is none
            if file.read(LONGEST).strip(b"\0"):
                raise tarfile.ReadError(f"it is damaged, or several are joined, at byte {archive.offset:,}")
    except (OSError, tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise FlickrExifError(f"{path} cannot be read ({reason_of(error)}).", "Make or fetch it again.") from None
    return samples, passed_over


def _oddity(member: tarfile.TarInfo) -> str:
    """Why a member is not read; "" where nothing is odd about it."""
    *folders, base = member.name.split("/")
    if member.isdir():
        return ""
    if not member.isreg() or member.issparse():
        return "link or special file"
    if member.name.startswith("/") or ".." in folders:
        return "path out of the archive"
    if base.startswith("."):
        return "hidden file"
    return "" if "." in base else "other file"


def _add(samples: dict[str, Sample], member: tarfile.TarInfo, path: Path) -> None:
    folder, slash, base = member.name.rpartition("/")
    stem, _, field = base.partition(".")
    sample = samples.setdefault(folder + slash + stem, {})
    if field in sample:
        raise UsageError(f"{path} holds {as_utf8(member.name)} twice.", "Make or fetch it again.")
    sample[field] = Member(member.offset_data, member.size)


# --- reading


@dataclass(frozen=True, slots=True)
class TarMembers:
    """Reads members of archives, each by its place."""

    paths: Sequence[str]
    states: Sequence[tuple[int, int]]  # of each archive when it was listed: bytes, and when it changed
    archives: "array[int]"  # of each image: the number of its archive, and where it lies there
    offsets: "array[int]"
    sizes: "array[int]"

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]:
        for number, rows in groupby(range(start, stop), self.archives.__getitem__):
            try:
                with open(self.paths[number], "rb") as file:  # noqa: PTH123
                    if _state(os.fstat(file.fileno())) != self.states[number]:
                        message = f"{self.paths[number]} has changed since its images were listed."
                        raise FlickrExifError(message, AGAIN)
                    for row in rows:
                        file.seek(self.offsets[row])
                        yield file.read(self.sizes[row])
            except OSError as error:
                reason = error.strerror or error
                raise MachineError(f"{self.paths[number]} can no longer be read ({reason}).", AGAIN) from None


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def tar_members(paths: Sequence[Path], places: Iterable[tuple[int, Member]]) -> TarMembers:
    """A reader of (number of the archive in `paths`, member)."""
    archives, offsets, sizes = array("i"), array("q"), array("q")
    for number, (offset, size) in places:
        archives.append(number)
        offsets.append(offset)
        sizes.append(size)
    absolute = [path.absolute() for path in paths]
    return TarMembers(list(map(str, absolute)), [_state(path.stat()) for path in absolute], archives, offsets, sizes)


# --- WebDataset


def web_dataset(name: str, root: Path) -> list[Source]:
    """The sources of the archives below `root`; the split is the word for one in the name of an archive or its folder.

    Labels are the integers of `.cls`, else those of `label` or `cls` in `.json`.
    """
    files, beside = walk(root, lambda path: ending(path) == ".tar")
    splits: dict[str | None, list[Path]] = {}
    for path in files:
        splits.setdefault(_split_of(path), []).append(root / path)
    without = splits.pop(None, []) if len(splits) > 1 else []
    beside += Counter({"archive that names no split": len(without)})
    sources = [source for split, paths in splits.items() if len(source := _web_dataset(name, root, split, paths))]
    return [with_others(source, beside if number == 0 else {}) for number, source in enumerate(sources)]


def _split_of(path: str) -> str | None:
    words = re.split(r"[^a-z]+", path.lower())
    return next((SPLITS[word] for word in reversed(words) if word in SPLITS), None)


def _web_dataset(name: str, root: Path, split: str | None, paths: Sequence[Path]) -> Source:
    ids: list[tuple[str, str]] = []  # archive, key
    places: list[tuple[int, Member]] = []
    labels: list[int | None] = []
    passed_over = Counter[str]()
    for number, path in enumerate(paths):
        samples, odd = samples_of(path)
        passed_over += odd
        with path.open("rb") as file:
            for key, sample in samples.items():
                image = image_of(sample, key, path, root)
                field, label = _label(sample, file) if image else (None, None)
                passed_over.update(ending(f"x.{other}") for other in sample if other not in (image, field))
                if image:
                    ids.append((path.relative_to(root).with_suffix("").as_posix(), key))
                    places.append((number, sample[image]))
                    labels.append(label)
    keys = [key for _, key in ids]
    texts = keys if len(set(keys)) == len(keys) else [f"{archive}/{key}" for archive, key in ids]
    return labelled(
        dataset=name,
        ids=list(map(as_utf8, texts)),
        labels=labels,
        read=tar_members(paths, places),
        contents=[member.size for _, member in places],
        split=split,
        passed_over=passed_over,
    )


def image_of(sample: Sample, key: str, path: Path, root: Path) -> str | None:
    """The ending of the image of a sample, None where it has none. UsageError where it has several."""
    images = [field for field in sample if ending(f"x.{field}") in ENDINGS]
    if len(images) > 1:
        message = f"{as_utf8(key)} in {path} has several images ({', '.join(map(as_utf8, images))})."
        raise UsageError(message, f"Choose: --dataset '{root}?image={as_utf8(images[0])}'.")
    return next(iter(images), None)


def _label(sample: Sample, archive: IO[bytes]) -> tuple[str | None, int | None]:
    """The member with an integer label, and the label; None where there is none."""
    for field, read in (("cls", _label_of_text), ("json", _label_of_json)):
        member = sample.get(field)
        if member and member.size <= LONGEST:
            archive.seek(member.offset)
            with suppress(ValueError):
                if (label := read(archive.read(member.size))) is not None:
                    return field, label
    return None, None


def _label_of_text(text: bytes) -> int | None:
    return integer(int(text))


def _label_of_json(text: bytes) -> int | None:
    import orjson

    values = orjson.loads(text)
    labels = (integer(values.get(name)) for name in LABELS) if isinstance(values, dict) else ()
    return next((label for label in labels if label is not None), None)
