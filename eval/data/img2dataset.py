"""What img2dataset downloads: NNNNN.parquet of metadata beside NNNNN.tar, or beside a folder NNNNN of images.

https://github.com/rom1504/img2dataset
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flickrexif.core.errors import UsageError
from flickrexif.core.image_files import ending
from flickrexif.core.parquet import opened
from flickrexif.core.text import as_utf8, plain
from flickrexif.eval.data.folders import split_folders, walk
from flickrexif.eval.data.names import LABELS, integer
from flickrexif.eval.data.source import Files, Source, labelled
from flickrexif.eval.data.tars import Member, image_of, samples_of, tar_members

SUCCESS = "success"
STATUS_LENGTH = 40
SHA256 = "sha256"


class Row(NamedTuple):
    """A row of the metadata; `sha256` is of the image before img2dataset changed it, None where it kept none."""

    key: str
    status: str
    label: object
    sha256: object


class Image(NamedTuple):
    """Where an image is: a file below the folder, or a member of the archive of this number."""

    place: Member
    path: str = ""
    archive: int = 0


def is_img2dataset(folder: Path) -> bool:
    """Whether any shard of metadata lies in the folder, or in those of its splits, beside its images."""
    return any(_shards(place) for place in split_folders(folder).values())


def img2dataset(name: str, folder: Path) -> Iterator[Source]:
    """The source of the folder, or one of each folder of a split in it.

    Ids are the keys. Rows whose status is not `success` are `missing`, the status their reason.
    """
    for split, place in split_folders(folder).items():
        if shards := _shards(place):
            yield _source(name, split, place, shards)


def _shards(place: Path) -> list[Path]:
    """The files of metadata, if any has its images beside it. UsageError where another has not."""
    shards = [path for path in sorted(place.glob("*.parquet")) if path.stem.isdecimal() and _is_metadata(path)]
    without = [path for path in shards if not (_tar(path).is_file() or path.with_suffix("").is_dir())]
    if without and len(without) < len(shards):
        message = f"{without[0]} lacks its images: there is neither {_tar(without[0]).name} nor {without[0].stem}/."
        raise UsageError(message, "Let img2dataset download them again, or take the file away.")
    return [] if without else shards


def _is_metadata(path: Path) -> bool:
    with opened(path) as file:
        return {"key", "status"} <= set(file.schema_arrow.names)


def _tar(shard: Path) -> Path:
    return shard.with_suffix(".tar")


def _source(name: str, split: str | None, place: Path, shards: list[Path]) -> Source:
    tars = [_tar(shard) for shard in shards if _tar(shard).is_file()]
    if tars and len(tars) < len(shards):
        raise UsageError(f"{place} has images in tar files and in folders.", "Keep either in a folder of its own.")
    others = set(place.iterdir()) - {*shards, *tars, *(shard.with_suffix("") for shard in shards)}
    passed_over = Counter(ending(path.name) if path.is_file() else "folder without metadata" for path in others)
    images: list[tuple[Row, Image]] = []
    missing = {}
    for number, shard in enumerate(shards):
        of_key, beside = _in_tar(tars[number], number, place) if tars else _in_folder(shard.with_suffix(""))
        for row in _rows(shard):
            if row.status == SUCCESS and row.key in of_key:
                images.append((row, of_key.pop(row.key)))
            else:
                missing[as_utf8(row.key)] = "missing" if row.status == SUCCESS else plain(row.status, STATUS_LENGTH)
        passed_over += beside + Counter({"image that no row says was downloaded": len(of_key)})
    texts = sum(row.label is not None and integer(row.label) is None for row, _ in images)
    places = [(image.archive, image.place) for _, image in images]
    return labelled(
        dataset=name,
        ids=[as_utf8(row.key) for row, _ in images],
        labels=[integer(row.label) for row, _ in images],
        read=tar_members(tars, places) if tars else Files(str(place.absolute()), [image.path for _, image in images]),
        contents=[(image.place.size, row.sha256) for row, image in images],
        split=split,
        missing=missing,
        passed_over=passed_over + Counter({"label that is no integer": texts}),
    )


def _rows(shard: Path) -> Iterator[Row]:
    with opened(shard) as file:
        names = file.schema_arrow.names
        label = next((name for name in LABELS if name in names), None)
        columns = ["key", "status", label, SHA256 if SHA256 in names else None]
        table = file.read(columns=[name for name in columns if name])
        values = [table[name].to_pylist() if name else [None] * len(table) for name in columns]
    for key, status, *others in zip(*values, strict=True):
        yield Row(str(key), str(status), *others)


def _in_tar(path: Path, number: int, root: Path) -> tuple[dict[str, Image], Counter[str]]:
    samples, passed_over = samples_of(path)
    images = {key: field for key, sample in samples.items() if (field := image_of(sample, key, path, root))}
    passed_over.update(
        ending(f"x.{field}") for key, sample in samples.items() for field in sample if field != images.get(key)
    )
    return {key: Image(samples[key][field], archive=number) for key, field in images.items()}, passed_over


def _in_folder(folder: Path) -> tuple[dict[str, Image], Counter[str]]:
    sizes, passed_over = walk(folder)
    images = {Path(path).stem: Image(Member(0, size), f"{folder.name}/{path}") for path, size in sizes.items()}
    if len(images) < len(sizes):
        raise UsageError(f"{folder} has two images of one key.", "Take the wrong one away.")
    return images, passed_over
