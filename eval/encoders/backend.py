"""What a backend does for the registry and for loading; `backends.BACKENDS` lists them by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision, Resize
from flickrexif.eval.encoders.weights import local_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A library, or another way to name an encoder: BACKEND:MODEL."""

    describe: Callable[[str, str, bool], EncoderSpec]
    """(name, MODEL, whether its weights are a file that the user named) -> the spec, as far as it is known without
    loading. UsageError for an unknown model, and where a file of weights does not tell the preprocessing."""

    load: Callable[[EncoderSpec, str, Precision, bool], Encoder]
    """(spec, device, precision, pretrained) -> the encoder, its spec with the digest and the embedding size."""

    is_here: Callable[[EncoderSpec], bool]
    """Whether an encoder can be loaded without downloading anything."""

    outline: Callable[[EncoderSpec], EncoderSpec] = lambda spec: spec
    """The spec with what its network tells without weights: the size of the embedding, the pooling."""

    with_its_resize: Callable[[EncoderSpec], EncoderSpec] | None = None
    """The spec with the resize and crop of its library; None where no library tells them."""

    hub_files: tuple[str, ...] = ()
    """Where all weights come from one file, which a checkpoint can replace: its names on the Hub, best first."""


def of_a_file(
    describe: Callable[[str, str, bool], EncoderSpec],
    load: Callable[[EncoderSpec, str, Precision, bool], Encoder],
    outline: Callable[[EncoderSpec], EncoderSpec],
    with_its_resize: Callable[[EncoderSpec], EncoderSpec],
    hub_files: tuple[str, ...],
) -> Backend:
    """A backend whose encoders have all their weights in one file."""

    def is_here(spec: EncoderSpec) -> bool:
        return local_file(spec, hub_files) is not None

    return Backend(
        describe=describe,
        load=load,
        is_here=is_here,
        outline=outline,
        with_its_resize=with_its_resize,
        hub_files=hub_files,
    )


def with_resize(spec: EncoderSpec, resizes: Mapping[str, Resize], mode: str, crop_share: float) -> EncoderSpec:
    """The spec with the resize that its library calls `mode`. UsageError for one that adds borders."""
    if mode not in resizes:
        raise UsageError(f"The library of {spec.name} puts borders around images.", f"Write {spec.name}.")
    return replace(spec, resize=resizes[mode], crop_share=crop_share)


def is_folder(path: str) -> bool:
    """Whether a model is named by a folder of this machine, and not by OWNER/NAME."""
    return "/" in path and Path(path).is_dir()


def unknown(name: str, requested: str, candidates: Iterable[str], prefix: str = "") -> UsageError:
    """The error of a name that no encoder has, with the candidates that are nearest to what was `requested`."""
    by_case = {candidate.lower(): candidate for candidate in candidates}
    near = [by_case[match] for match in get_close_matches(requested.lower(), by_case, n=3, cutoff=0.4)]
    hint = f"Nearest: {', '.join(prefix + match for match in near)}." if near else "Type: flickrexif encoders"
    return UsageError(f"There is no encoder {name[:80]!r}.", hint)


def agreed(name: str, tags: Mapping[str, Any], preprocessing: Callable[[Any], object], joint: str) -> Any:
    """The configuration of a model's tags for weights of which no tag is named; {} for a model without tags.

    UsageError where the tags do not agree in their preprocessing, as the weights do not tell it.
    """
    groups: dict[object, list[str]] = {}
    for tag, cfg in tags.items():
        groups.setdefault(preprocessing(cfg), []).append(tag)
    if len(groups) > 1:
        choices = ", or ".join(f"{name}{joint}{group[0]}@FILE" for group in groups.values())
        message = f"A file does not tell how {name} takes its images, and its published weights differ in that."
        raise UsageError(message, f"Name those that it was made like: {choices}.")
    return next(iter(tags.values()), {})
