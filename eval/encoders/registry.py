"""Finds the spec of an encoder by its name: the paper's (`paper47.csv`), the controls, and any of a backend.

    paper:clip/ViT-B-16                       the published registry's name
    open_clip:ViT-B-32/laion2b_s34b_b79k      a model and a tag of open_clip
    open_clip:ViT-B-32/openai@/path/to/weights.pt    a local file, prepared as those weights are; timm: and paper: too
    timm:vit_base_patch16_siglip_256.webli    a model of timm
    timm:hf-hub:OWNER/NAME, timm:local-dir:/a/folder    what timm saved; open_clip: too
    torchhub:facebookresearch/dino:main/dino_vits16    an entry point of a repository or folder
    transformers:facebook/dinov2-base         a vision model of the Hub
    module:./file.py:factory, module:package.module:factory    one's own, see `own.as_encoder`
    lite0, lite1, lite2, mini:plain, mini:augmented, control:dct, control:colour, control:random

Any of them may end in ?img_size=N; those of open_clip and timm in ?resize=library, or ?img_size=N&resize=library.
Behind all stands +erase@FILE where a projection is applied to the embeddings, see `erasing`. mine=NAME is that encoder
under the name `mine`. The name of an encoder never holds the folder that its weights are in.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from flickrexif.core.addresses import expanded
from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.backend import unknown
from flickrexif.eval.encoders.backends import BACKENDS
from flickrexif.eval.encoders.backends.control import CONTROLS
from flickrexif.eval.encoders.erasing import erased_digest
from flickrexif.eval.encoders.notes import NOTES, noted, table
from flickrexif.eval.encoders.spec import Channels, EncoderSpec, Family

WEIGHTS = (".bin", ".ckpt", ".pt", ".pth", ".safetensors")
NAME = re.compile(r"(?P<base>paper:clip/ViT-L-14@336px|[^@?]+)(@(?P<checkpoint>[^?]+))?(\?(?P<options>[^?]*))?")
HOME = re.compile(r"(?<=[:@=])~(?=/)")  # of a path in a name
SHORT = re.compile(r"(?P<short>[A-Za-z0-9][\w.-]*)=(?P<name>.+)")
ERASE = "+erase@"
SIZES = range(16, 4097)  # pixels a side
FAMILIES: tuple[Family, ...] = ("CVL", "SUP", "SSL", "CTL")


def _channels(text: str) -> Channels:
    return cast(Channels, tuple(map(float, text.split())))


def _row(row: Mapping[str, str]) -> EncoderSpec:
    numbers = {name: int(row[name]) if row[name] else None for name in ("input_size", "embedding_size", "size_bytes")}
    channels = {name: _channels(row[name]) for name in ("mean", "std")}
    fields: dict[str, Any] = {**row, **numbers, **channels}
    return EncoderSpec(**fields)


@cache
def registered_encoders() -> Mapping[str, EncoderSpec]:
    """The encoders of the registry by name: the paper's 47 in its order, later ones, those whose weights come in
    packages, the controls."""
    tables = (_row(row) for name in ("paper47.csv", "current.csv", "packaged.csv") for row in table(name))
    specs = (*tables, *(control.spec for control in CONTROLS.values()))
    return MappingProxyType({spec.name: noted(spec) for spec in specs})


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder of the list, and what is still to be downloaded for it."""

    spec: EncoderSpec
    image: str  # how it is resized and cropped; "": it is taken as it is
    cached: bool
    missing_bytes: int | None  # to download; None where the size is not known


def list_encoders(family: str | None = None) -> list[EncoderRow]:
    """The registry's encoders, of one family or of all, in the paper's order. UsageError for an unknown family."""
    if family is not None and family.upper() not in FAMILIES:
        raise UsageError(f"There is no family {family[:40]!r}.", f"Known: {', '.join(FAMILIES)}.")
    specs = [spec for spec in registered_encoders().values() if family is None or spec.family == family.upper()]
    return [row_of(spec) for spec in specs]


def row_of(spec: EncoderSpec) -> EncoderRow:
    """The row of an encoder."""
    cached = BACKENDS[spec.backend].is_here(spec)
    return EncoderRow(spec, image_of(spec), cached, 0 if cached else spec.size_bytes)


def image_of(spec: EncoderSpec) -> str:
    """How an image is resized and cropped, in words; "" where it is taken as it is."""
    size = spec.input_size
    side = math.floor(size / spec.crop_share)
    sides = "both sides" if spec.resize == "squash" else "shorter side"
    return f"{sides} to {side} px ({spec.interpolation}), centre crop of {size} x {size}" if size else ""


def collections() -> Mapping[str, tuple[str, ...]]:
    """The names that stand for several encoders: @paper47, its families @cvl, @sup and @ssl, @current, @ctl."""
    groups: dict[str, tuple[str, ...]] = {"@paper47": tuple(n for n in registered_encoders() if n.startswith("paper:"))}
    for family in ("CVL", "SUP", "SSL"):
        groups[f"@{family.lower()}"] = tuple(n for n in groups["@paper47"] if registered_encoders()[n].family == family)
    return {**groups, "@current": tuple(row["name"] for row in table("current.csv")), "@ctl": tuple(CONTROLS)}


def resolve(name: str) -> EncoderSpec:
    """The spec of one encoder. UsageError for an unknown name (with the nearest ones), a missing package or file, and
    a size that is none."""
    name = HOME.sub(lambda _: str(expanded("~")), name.strip())
    if short := SHORT.fullmatch(name):
        return _called(resolve(short["name"]), short["short"])
    encoder, erase, projection = name.partition(ERASE)
    if erase:
        if not Path(projection).is_file():
            raise UsageError(f"There is no projection {projection}.", "Make it with flickrexif.mitigate(…).")
        spec = resolve(encoder)
        return replace(spec, projection=projection, digest=erased_digest(spec.digest, projection))
    parts = NAME.fullmatch(name)
    if parts is None:
        raise UsageError(f"{name[:80]!r} is no name of an encoder.", "Type: flickrexif encoders")
    path = parts["checkpoint"]
    if path and not Path(path).is_file():
        raise UsageError(f"There is no checkpoint {path}.", "Name a file that is there.")
    spec = _base(parts["base"], own_file=bool(path))
    if path:
        spec = _with_checkpoint(spec, path)
    return spec if parts["options"] is None else _with_options(spec, parts["options"])


def expand(names: Iterable[str]) -> list[EncoderSpec]:
    """The specs that names, collections (@paper47) and text files (a name a line, # for comments) stand for, once.

    UsageError where two different ones have the same name.
    """
    specs: dict[str, EncoderSpec] = {}
    for spec in (resolve(name) for entry in names for name in _expanded(entry)):
        if specs.setdefault(spec.key, spec) != spec:
            message = f"Two encoders have the name {spec.key}: the folder of a file is no part of it."
            raise UsageError(message, "Give them names of their own: first=NAME and second=NAME.")
    return list(specs.values())


def _expanded(entry: str) -> Iterator[str]:
    groups = collections()
    if entry.startswith("@"):
        if entry.lower() not in groups:
            raise UsageError(f"There is no collection {entry[:80]!r}.", f"Known: {', '.join(groups)}.")
        yield from groups[entry.lower()]
    elif entry.endswith(".txt"):
        yield from _listed(expanded(entry))
    else:
        yield entry


def _listed(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} is no readable list of encoders.", "Write one name a line.") from None
    for line in lines:
        if name := line.split("#")[0].strip():
            yield from _expanded(name)


# --- one name


def _called(spec: EncoderSpec, short: str) -> EncoderSpec:
    """The encoder under a name of the user's own; its digest tells what it is."""
    if short in registered_encoders():
        raise UsageError(f"{short} is the name of another encoder.", "Choose another before the =.")
    return replace(spec, name=short)


def _base(name: str, *, own_file: bool) -> EncoderSpec:
    if spec := registered_encoders().get(name):
        return spec
    backend, _, model = name.partition(":")
    if backend in BACKENDS and model:
        spec = BACKENDS[backend].describe(name, model, own_file)
        return registered_encoders().get(spec.name) or noted(replace(spec, name=_without_folder(spec.name)))
    if Path(name).suffix.lower() in WEIGHTS:
        hint = f"Name its network before it, such as timm:resnet50@{name}."
        raise UsageError(f"{name} is a file of weights, which tells no network.", hint)
    raise unknown(name, name, registered_encoders())


def _with_options(spec: EncoderSpec, text: str) -> EncoderSpec:
    """The spec with what follows ? in a name."""
    options = dict(part.partition("=")[::2] for part in text.split("&"))
    if not text or len(options) < text.count("&") + 1 or not options.keys() <= {"img_size", "resize"}:
        raise UsageError(
            f"{text[:40]!r} is no option of an encoder.", "Write ?img_size=N, ?resize=library or both with &."
        )
    if "img_size" in options:
        spec = spec.resized(_size(spec, options["img_size"]))
    if "resize" in options:
        spec = _with_its_resize(spec, options["resize"])
    return spec


def _with_its_resize(spec: EncoderSpec, text: str) -> EncoderSpec:
    if text != "library":
        raise UsageError(f"{text[:20]!r} is no way to resize an image.", f"Write {spec.name}?resize=library.")
    of_library = BACKENDS[spec.backend].with_its_resize
    if of_library is None:
        raise UsageError(f"No library tells how {spec.name} resizes.", "Those of open_clip and timm have theirs.")
    return of_library(spec)


def _without_folder(name: str) -> str:
    """The name without the folder that a place on this machine is in, as names are published: torchhub:REPOSITORY/MODEL
    of torchhub:/a/folder/REPOSITORY/MODEL."""
    before, is_place, place = name.rpartition(":/")
    kept = 2 if before == "torchhub" else 1
    return f"{before}:{'/'.join(place.rstrip('/').split('/')[-kept:])}" if is_place else name


def _size(spec: EncoderSpec, text: str) -> int:
    if not spec.input_size:
        raise UsageError(f"{spec.name} reads the image as it is.", f"Write {spec.name}.")
    if not (text.isascii() and text.isdigit() and int(text) in SIZES):
        message = f"{text[:20]!r} is no size of an image."
        raise UsageError(message, f"Write {spec.name}?img_size=N, N from {SIZES[0]} to {SIZES[-1]}.")
    return int(text)


def _with_checkpoint(spec: EncoderSpec, path: str) -> EncoderSpec:
    if not BACKENDS[spec.backend].hub_files:
        raise UsageError(f"{spec.name} takes no checkpoint.", "open_clip:MODEL@/path and timm:MODEL@/path do.")
    own: dict[str, Any] = dict.fromkeys(NOTES, "")  # a file may hold any weights
    name = f"{spec.name}@{Path(path).name}"  # without its folder: names are published
    size = Path(path).stat().st_size
    return replace(spec, name=name, family="OWN", checkpoint=path, size_bytes=size, **own)
