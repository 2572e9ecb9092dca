"""One unit of work: a slice of a source through several variants, to one Parquet shard for each.

A shard is written under a temporary name, renamed when complete, and then gets a marker with the hash of its settings:
a shard with its marker is never made again.
"""

import hashlib
import json
from array import array
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path
from types import TracebackType

import PIL
from PIL import features as pillow

from flickrexif.core.errors import UsageError
from flickrexif.core.files import keep, put_text, sync_all, temporary, unwritable
from flickrexif.core.image_files import ENDINGS
from flickrexif.core.parquet import image_writer
from flickrexif.core.pictures import BadPicture
from flickrexif.core.versions import fields_of, versioned
from flickrexif.processing import operations
from flickrexif.processing.engines import Tick
from flickrexif.processing.operations import Encoded, iter_variants
from flickrexif.processing.source import Item, Source
from flickrexif.processing.table import SCHEMA, Row, features, table
from flickrexif.processing.variants import VARIANTS

ROW_GROUP_BYTES = 4_000_000  # of encoded images; also what a worker holds for each shard it writes
MARKERS = ".done"  # folder of the markers, beside the shards

SUFFIXES = {"JPEG": "jpg", "JPEG2000": "jp2", "TIFF": "tif"}  # else the format in lower case

REASONS = {
    **operations.REASONS,
    "unreadable": "the file is not there or cannot be read",
    "crashes": "the process that decodes it dies",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A config of a split: where its shards go, and the variant of each image of the unit."""

    folder: Path
    variants: tuple[str, ...]  # names of the ClassLabel `variant`
    chosen: bytes  # one index into `variants` for each image
    settings: str  # hash of all that decides the bytes


@dataclass(frozen=True, slots=True)
class Unit:
    """Shard `number` of `count`, of every target."""

    part: Source
    number: int
    count: int
    targets: tuple[Target, ...]
    seed: int
    codecs: Mapping[str, str]
    deadly: frozenset[int] = frozenset()  # places of images that end the process that decodes them

    @property
    def shard(self) -> str:
        return shard_name(self.part.split, self.number, self.count)

    def __len__(self) -> int:
        return len(self.part)

    def attempt(self, start: int, stop: int) -> None:
        """Process the images start to stop - 1 and write nothing."""
        for place, item in enumerate(self.part.part(start, stop), start):
            deque(encoded(item, self.targets, place, self.seed), maxlen=0)

    def without(self, places: Collection[int]) -> "Unit":
        """The unit in which the images at these places are failures."""
        return replace(self, deadly=self.deadly.union(places))


@dataclass(frozen=True, slots=True)
class Marker:
    """What a finished shard holds."""

    settings: str
    rows: int
    size: int  # bytes of the file
    content: str  # sha256 over ids, labels, variants and the images' own sha256
    failures: tuple[tuple[str, str], ...]  # (image id, one of REASONS)


def shard_name(split: str, number: int, count: int) -> str:
    """As `datasets` names shards, without the suffix."""
    return f"{split}-{number:05}-of-{count:05}"


def slices(sizes: Sequence[int], shard_bytes: int) -> list[tuple[int, int]]:
    """Cut a source into shards of even size, by the bytes of its images as stored and nothing else.

    Returns (start, stop) of each. There are total / `shard_bytes` shards, rounded up; an image goes into the one in
    which its middle byte falls. A shard that stays empty, next to images larger than a shard, is left out.
    """
    total = sum(sizes)
    count = max(1, -(-total // shard_bytes))
    middles = (2 * end - size for end, size in zip(accumulate(sizes), sizes, strict=True))
    places = (min(count - 1, middle * count // (2 * total)) if total else 0 for middle in middles)
    lengths = [sum(1 for _ in group) for _, group in groupby(places)]
    stops = list(accumulate(lengths))
    return [(stop - length, stop) for stop, length in zip(stops, lengths, strict=True)]


def codecs() -> dict[str, str]:
    """The versions of the libraries that decide the bytes of an image."""
    versions = {name: pillow.version(name) or "none" for name in ("libjpeg_turbo", "jpg", "webp", "avif")}
    return {"pillow": PIL.__version__, **versions}


# --- markers


def stored_marker(folder: Path, shard: str) -> Marker | None:
    """The marker of a shard, whether or not the shard still exists; None without a readable one."""
    path = folder / MARKERS / f"{shard}.json"
    try:
        record = fields_of(json.loads(path.read_bytes()), path)
        return Marker(**{**record, "failures": tuple((image_id, reason) for image_id, reason in record["failures"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_marker(folder: Path, shard: str) -> Marker | None:
    """The marker of a shard; None unless its file exists with the size that the marker says."""
    marker, path = stored_marker(folder, shard), folder / f"{shard}.parquet"
    return marker if marker and path.is_file() and path.stat().st_size == marker.size else None


def write_marker(folder: Path, shard: str, marker: Marker) -> None:
    """Write the marker of a shard. It need not be durable: a shard whose marker a power cut takes is made again."""
    put_text(folder / MARKERS / f"{shard}.json", json.dumps(versioned(asdict(marker))) + "\n", durable=False)


def content_of(rows: Iterable[tuple[str, int, int, str]]) -> str:
    """A hash of the rows of a shard: id, label, variant and the image's own sha256."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(content_line(*row))
    return digest.hexdigest()


def content_line(image_id: str, label: int, variant: int, sha256: str) -> bytes:
    """The bytes that a row adds to the hash of its shard."""
    return f"{image_id}\0{label}\0{variant}\0{sha256}\n".encode()


# --- the work


def make_shards(unit: Unit, tick: Tick) -> None:
    """Write the unit's shard of every target: each image is read and decoded once.

    Raises FlickrExifError when a shard cannot be written or this machine's codecs are not the run's.
    """
    if (versions := codecs()) != unit.codecs:
        message = f"A worker has other image libraries ({_versions(versions)}) than the run ({_versions(unit.codecs)})."
        raise UsageError(message, "Install the same versions on every machine.")
    with ExitStack() as stack:
        shards = [stack.enter_context(_Shard(target, unit)) for target in unit.targets]
        for place, item in enumerate(_items(unit)):
            outcomes = zip(shards, _outcomes(unit, item, place), strict=True)
            failed = Counter(filter(None, (shard.add(item, place, outcome) for shard, outcome in outcomes)))
            tick(len(shards), failed)
        sync_all([shard.end() for shard in shards])  # before there are markers, which say that the shards are whole
        for shard in shards:
            shard.keep()


def _versions(codecs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in codecs.items())


def _items(unit: Unit) -> Iterator[Item]:
    """The unit's images; the deadly ones are not even read."""
    part = unit.part
    read = iter(part.take(array("q", (place for place in range(len(part)) if place not in unit.deadly))))
    for place, (image_id, label) in enumerate(zip(part.ids, part.labels, strict=True)):
        yield Item(image_id, label, None) if place in unit.deadly else next(read)


def _outcomes(unit: Unit, item: Item, place: int) -> Iterable[Encoded | str]:
    if place in unit.deadly:
        return ["crashes"] * len(unit.targets)
    return encoded(item, unit.targets, place, unit.seed)


def encoded(item: Item, targets: Sequence[Target], place: int, seed: int) -> Iterator[Encoded | str]:
    """The image for each target, or the reason why not."""
    if item.data is None:
        yield from ["unreadable"] * len(targets)
        return
    variants = [VARIANTS[target.variants[target.chosen[place]]] for target in targets]
    done = 0
    try:
        for encoded in iter_variants(item.data, variants, seed=seed, image_id=item.image_id):
            yield encoded
            done += 1
    except BadPicture as error:
        yield from [error.reason] * (len(variants) - done)


def row_groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Group the rows as a shard's row groups."""
    group: list[Row] = []
    held = 0
    for row in rows:
        group.append(row)
        held += len(row.data)
        if held >= ROW_GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


class _Shard:
    """A Parquet file that is being written, row group by row group."""

    def __init__(self, target: Target, unit: Unit) -> None:
        self._target, self._name = target, unit.shard
        self._path = target.folder / f"{unit.shard}.parquet"
        self._stack = ExitStack()
        self._schema = SCHEMA.with_metadata(features(unit.part.class_names, target.variants))
        self._rows: list[Row] = []
        self._held = self._written = 0
        self._failures: list[tuple[str, str]] = []
        self._content = hashlib.sha256()

    def __enter__(self) -> "_Shard":
        try:
            self._unfinished = self._stack.enter_context(temporary(self._path))
            self._writer = image_writer(self._unfinished, self._schema)
        except OSError as error:
            self._stack.close()
            raise unwritable(self._path, error) from None
        return self

    def add(self, item: Item, place: int, outcome: Encoded | str) -> str:
        """Take one image, or note why there is none; returns the reason or ""."""
        index = self._target.chosen[place]
        if isinstance(outcome, str):
            self._failures.append((item.image_id, outcome))
            return outcome
        sha256 = hashlib.sha256(outcome.data).hexdigest()
        self._content.update(content_line(item.image_id, item.label, index, sha256))
        size = outcome.width, outcome.height
        path = _file_name(item.image_id, outcome.format)
        self._rows.append(Row(outcome.data, path, item.label, item.image_id, index, *size, sha256))
        self._held += len(outcome.data)
        if self._held >= ROW_GROUP_BYTES:
            self._flush()
        return ""

    def _flush(self) -> None:
        try:
            self._writer.write_table(table(self._rows, self._schema))
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._written += len(self._rows)
        self._rows, self._held = [], 0

    def end(self) -> Path:
        """Write the last row group; the file, which has its temporary name still."""
        if self._rows:
            self._flush()
        try:
            self._writer.close()
        except OSError as error:
            raise unwritable(self._path, error) from None
        return self._unfinished

    def keep(self) -> None:
        """The final name and the marker."""
        try:
            size = self._unfinished.stat().st_size
            keep(self._unfinished, self._path, durable=False)
        except OSError as error:
            raise unwritable(self._path, error) from None
        failures = tuple(self._failures)
        marker = Marker(self._target.settings, self._written, size, self._content.hexdigest(), failures)
        write_marker(self._target.folder, self._name, marker)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._writer.close()
        self._stack.close()


def _file_name(image_id: str, image_format: str) -> str:
    """The image's own name, with the suffix of its new format."""
    name = image_id.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    is_suffix = f".{suffix.lower()}" in ENDINGS
    return f"{stem if dot and is_suffix else name}.{SUFFIXES.get(image_format, image_format.lower())}"
