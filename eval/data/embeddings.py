"""The file format of embeddings: safetensors in the published layout, which the paper's released code reads and writes.

    <root>/<dataset>/[<PROCESSING>/][mask=<ratio>/]model=<m>_variant=<v>[_split=<train|val>].safetensors

Tensors: `image_embeddings` [n, d], and columns with a value a row: `label` (ImageNet, iNaturalist), `Flickr ID`
(FlickrExif), `subject` and `model` (PairCams; model 1 = phone), `image_id` (text, see `pack_text`). Files of the
released code have no `image_id` and no metadata; they can be read too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import local, put
from flickrexif.core.remote import is_remote
from flickrexif.core.versions import other_version

if TYPE_CHECKING:
    import torch

EMBEDDINGS = "image_embeddings"
IMAGE_ID = "image_id"
FORMAT = "flickrexif embeddings 1"
METADATA = "flickrexif"  # the entry of the header that holds our metadata, as JSON
FLICKR_ID = "Flickr ID"
SUFFIX = ".safetensors"
UNSAFE = str.maketrans(dict.fromkeys('/\\:?*"<>|', "-"))  # the layout's `/`, and what Windows forbids
MAKE_AGAIN = "Delete it, then make it again with `flickrexif embed`."
LAYOUT = re.compile(
    r"(?P<dataset>[^/]+)/(?:(?P<processing>(?!mask=)[^/]+)/)?(?:mask=(?P<mask>\d+(?:\.\d+)?(?:e-?\d+)?)/)?"
    r"model=(?P<model>[^/]+?)_variant=(?P<variant>[^/]+?)(?:_split=(?P<split>[^/]+?))?\.safetensors"
)
SHARD = re.compile(r"\.shard-\d+-of-\d+\.safetensors$")


@dataclass(frozen=True, slots=True)
class EmbeddingKey:
    """Names the embeddings of one encoder for one split of a data set, in one processing and under one mask."""

    dataset: str
    model: str
    variant: str  # of the model
    processing: str = "IDENTITY"
    mask: float = 0.0  # share of the area that is masked
    split: str | None = None

    def __lt__(self, other: "EmbeddingKey") -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, str, str, str, float, str]:
        return self.dataset, self.model, self.variant, self.processing, self.mask, self.split or ""

    def path(self, root: Path) -> Path:
        """The file's path in the published layout, below `root`. A `/` in a name becomes `-`.

        The published layout has no masks; a mask other than 0 has a folder such as `mask=0.9`.
        """
        folder = root / self.dataset.translate(UNSAFE)
        if self.processing.upper() != "IDENTITY":
            folder /= self.processing.upper().translate(UNSAFE)
        if self.mask:
            folder /= f"mask={self.mask:g}"
        split = f"_split={self.split}" if self.split else ""
        return folder / f"model={self.model.translate(UNSAFE)}_variant={self.variant.translate(UNSAFE)}{split}{SUFFIX}"

    @classmethod
    def of(cls, root: Path, path: Path) -> "EmbeddingKey | None":
        """The key of a file below `root`, with the names as they are in its path; None for a file of another layout."""
        parts = LAYOUT.fullmatch(path.relative_to(root).as_posix())
        if not parts or SHARD.search(path.name):
            return None
        named = parts.groupdict()
        mask, processing = float(named.pop("mask") or 0), named.pop("processing") or "IDENTITY"
        return cls(mask=mask, processing=processing, **named)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One file: row i of every column belongs to row i of `image_embeddings` [n, d], which is not normalised.

    The tensors are memory-mapped: only the parts that are used are read.
    """

    image_embeddings: "torch.Tensor"
    columns: Mapping[str, "torch.Tensor"]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image_embeddings)

    @property
    def encoder_digest(self) -> str:
        """The digest of the encoder that made them; "" in files of other programs and of earlier versions."""
        try:
            return str(json.loads(self.metadata["settings"])["encoder"]["digest"])
        except (LookupError, TypeError, ValueError):
            return ""

    @property
    def origin(self) -> str:
        """Where the photos came from, as their data set told (`core.kinds`); "" where the file does not tell."""
        return str(self.metadata.get("origin", ""))

    @property
    def mask(self) -> float | None:
        """The share of the area that was masked; None where the file does not tell, as those of other programs."""
        try:
            return float(json.loads(self.metadata["settings"])["mask"])
        except (LookupError, TypeError, ValueError):
            return None

    def image_ids(self) -> list[str]:
        """The id of each row: its `image_id`, else its Flickr ID, else (in released files) its number."""
        if IMAGE_ID in self.columns:
            return unpack_text(self.columns[IMAGE_ID])
        numbers = self.columns[FLICKR_ID].tolist() if FLICKR_ID in self.columns else range(len(self))
        return list(map(str, numbers))


def failures_path(path: Path) -> Path:
    """The path of the table of failures beside an embeddings file: id and reason of each image without a row."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ".failures.csv")


def read_embeddings(path: Path) -> Embeddings:
    """Open a file, memory-mapped; one of a store is copied first, for as long as it is in use.

    Raises UsageError where it is missing, FlickrExifError where it is broken.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with local(path) as here, safe_open(here, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            stored = file.metadata() or {}
            metadata = _own_metadata(stored)
    except FileNotFoundError:
        raise UsageError(f"There is no embeddings file {path}.", "Make it with `flickrexif embed`.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise FlickrExifError(f"{path} is no whole safetensors file ({error}).", MAKE_AGAIN) from None
    _check_version(path, stored, metadata)
    if EMBEDDINGS not in tensors:
        raise FlickrExifError(f"{path} holds no tensor `{EMBEDDINGS}`.", "Name an embeddings file.")
    embeddings = Embeddings(tensors.pop(EMBEDDINGS), tensors, metadata)
    if problem := _problem(embeddings):
        raise FlickrExifError(f"{path} holds {problem}.", MAKE_AGAIN)
    return embeddings


def read_metadata(path: Path) -> tuple[Mapping[str, str], int]:
    """The metadata of a file and its number of rows; of one of a store only the head is read. Raises as above."""
    if not is_remote(path):
        embeddings = read_embeddings(path)
        return embeddings.metadata, len(embeddings)
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        stored, rows = header.get("__metadata__", {}), int(header[EMBEDDINGS]["shape"][0])
        metadata = _own_metadata(stored)
    except FileNotFoundError:
        raise UsageError(f"There is no embeddings file {path}.", "Make it with `flickrexif embed`.") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise FlickrExifError(f"{path} is no whole safetensors file ({error}).", MAKE_AGAIN) from None
    _check_version(path, stored, metadata)
    return metadata, rows


def _check_version(path: Path, stored: Mapping[str, str], metadata: Mapping[str, str]) -> None:
    if METADATA in stored and metadata.get("format", FORMAT) != FORMAT:
        raise other_version(path, f"{str(metadata['format'])[:40]}, not {FORMAT}")


def holds_embeddings(path: Path) -> bool:
    """Whether a safetensors file is one of embeddings, not of weights. Raises FlickrExifError when it is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with local(path) as here, safe_open(here, framework="pt") as file:
            return EMBEDDINGS in file.keys()  # noqa: SIM118  # it is no dict
    except (SafetensorError, OSError) as error:
        raise FlickrExifError(f"{path} is no whole safetensors file ({error}).", MAKE_AGAIN) from None


def write_embeddings(
    path: Path,
    image_embeddings: "torch.Tensor",
    columns: Mapping[str, "torch.Tensor"],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a file whole or not at all: embeddings [n, d] of floats, and columns of n rows.

    Raises ValueError for other shapes, FlickrExifError where the file cannot be written.
    """
    embeddings = Embeddings(image_embeddings, columns, metadata or {})
    if problem := _problem(embeddings):
        raise ValueError(f"an embeddings file cannot hold {problem}")
    put(path, lambda temporary: _save(temporary, embeddings))
    return path


def _save(path: Path, embeddings: Embeddings) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Cloned, since safetensors refuses tensors that share storage.
    columns = {name: column.cpu().contiguous().clone() for name, column in embeddings.columns.items()}
    # One entry, since safetensors writes several in any order, and equal contents must give equal files.
    metadata = {METADATA: json.dumps(dict(embeddings.metadata), sort_keys=True)} if embeddings.metadata else None
    path.touch()
    mode = path.stat().st_mode  # safetensors makes the file readable by its owner alone
    try:
        save_file({EMBEDDINGS: embeddings.image_embeddings.cpu().contiguous(), **columns}, path, metadata)
        path.chmod(mode)
    except SafetensorError as error:  # such as a full disk
        number = re.search(r"os error (\d+)", str(error))
        raise (OSError(int(number[1]), str(error)) if number else OSError(str(error))) from None


def _own_metadata(stored: Mapping[str, str]) -> Mapping[str, str]:
    """Our metadata; of a file of another program all that it has. ValueError where ours is not JSON."""
    return dict(json.loads(stored[METADATA])) if METADATA in stored else stored


def _problem(embeddings: Embeddings) -> str | None:
    """What is wrong with the shapes, worded to follow "holds"; None if nothing is."""
    tensor = embeddings.image_embeddings
    if tensor.ndim != 2 or not tensor.is_floating_point():
        return f"embeddings of shape {list(tensor.shape)} and type {tensor.dtype}, not [n, d] of floats"
    if wrong := [name for name, column in embeddings.columns.items() if column.ndim < 1 or len(column) != len(tensor)]:
        return f"{len(tensor)} embeddings and a column {wrong[0]!r} of another length"
    return None


def pack_text(texts: Sequence[str]) -> "torch.Tensor":
    """Texts as a tensor, uint8 [n, longest], as UTF-8 padded with zeros: safetensors files hold only tensors."""
    import numpy as np
    import torch

    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    width = max(map(len, encoded), default=0) or 1
    return torch.from_numpy(np.array(encoded, f"S{width}").view(np.uint8).reshape(len(texts), width).copy())


def unpack_text(packed: "torch.Tensor") -> list[str]:
    """The texts of `pack_text`."""
    rows = packed.contiguous().numpy()
    return [text.decode("utf-8", "surrogateescape") for text in rows.view(f"S{rows.shape[1]}").ravel().tolist()]
