"""Encoders for the tests of embedding: small enough to be computed by hand, importable by worker processes."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from flickrexif.eval.data.embeddings import failures_path, read_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.report import EmbedReport
from flickrexif.eval.embed.run import Progress, embed
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Prepare
from tests.deadly import DEADLY, SIDE, deadly_once, small


def grey(image: Image.Image, image_id: str, mask: float | None) -> np.ndarray:
    """Another preparation: a feature vector."""
    return np.asarray(ImageOps.grayscale(image).resize((5, 5)), np.float32).ravel()


def weights(name: str, inputs: int, outputs: int) -> np.ndarray:
    """The weights of a `Linear` of that name, [inputs, outputs]."""
    return np.random.default_rng(list(name.encode())).normal(size=(inputs, outputs)).astype(np.float32)


@dataclass
class Linear:
    """Prepared pixels times fixed weights; counts the images and the sizes of the batches that it sees."""

    name: str = "module:tests:linear"
    prepare: Prepare = small
    size: int = 8
    capacity: int | None = None  # images that fit into memory
    dies_after: int | None = None  # batches
    bad: float = np.inf  # first inputs from here on give NaN
    batches: list[int] = field(default_factory=list)

    @property
    def spec(self) -> EncoderSpec:
        return EncoderSpec(
            name=self.name,
            family="OWN",
            backend="module",
            model="linear",
            embedding_size=self.size,
            input_size=SIDE,
            digest="1",
        )

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        if self.capacity is not None and len(batch) > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        if self.dies_after is not None and len(self.batches) == self.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.batches.append(len(batch))
        flat = batch.flatten(1)
        out = flat @ torch.from_numpy(weights(self.name, flat.shape[1], self.size))
        return torch.where(flat[:, :1] >= self.bad, torch.nan, out)


class Ready(Candidate):
    """An encoder that is taken as it is, without the check of loading, whose batches would be counted too."""

    def load(self, *_: object) -> Encoder:
        assert self.encoder
        return self.encoder


def embed_all(
    out: Path,
    encoders: Sequence[Encoder],
    sources: Iterable[Source],
    on_the_fly: Sequence[str] = (),
    masks: Sequence[float] = (0.0,),
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    **options: Any,
) -> EmbedReport:
    """Every encoder over every source in every variant and mask; raises the first fault there is."""
    combos = combos_of(on_the_fly, masks)
    candidates = [Ready(encoder.spec, encoder) for encoder in encoders]
    work = [Work(source, combos) for source in sources]
    report = embed(EmbedSettings(out=out, **options), candidates, work, progress, tell)
    for fault in report.faults.values():
        assert fault.error
        raise fault.error
    return report


def check_deadly_once(folder: Path, tmp_path: Path, **options: Any) -> None:
    """All images but the deadly one get the embeddings that they get without it."""
    settings: dict[str, Any] = {"block": 12}
    embed_all(tmp_path / "out", [Linear(prepare=deadly_once)], open_images(str(folder)), **settings | options)
    embed_all(tmp_path / "expected", [Linear()], open_images(str(folder)), **settings)
    (path,) = (tmp_path / "out").rglob("*.safetensors")
    assert f"{DEADLY},crashes" in failures_path(path).read_text().splitlines()
    expected = read_embeddings(tmp_path / "expected" / path.relative_to(tmp_path / "out"))
    others = read_embeddings(path)
    kept = [row for row, image_id in enumerate(expected.image_ids()) if image_id != DEADLY]
    assert others.image_ids() == [expected.image_ids()[row] for row in kept]
    torch.testing.assert_close(others.image_embeddings, expected.image_embeddings[kept])
