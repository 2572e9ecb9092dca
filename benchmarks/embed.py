"""Images/s of embedding six JPEG variants in one pass, against one pass a variant; and what is not the forward pass.

    python -m benchmarks.embed FOLDER [--images 200] [--encoder lite0] [--runs 3]

FOLDER holds images, such as an ImageFolder. Wanted: under 15% of the time outside the encoder's forward pass on a CPU
with lite0. With a GPU, random ViT-B/32 and ViT-L/14 in bf16: images/s from files, images/s of tensors on the device
(the card's own rate), and the share of that rate that is lost.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.eval.data.formats import open_images
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.run import embed
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.encoders import Candidate, Encoder, EncoderSpec, load, resolve
from flickrexif.eval.encoders.spec import Prepare
from flickrexif.processing.variants import PARAMETERS

if TYPE_CHECKING:
    import torch

GPU_ENCODERS = ("open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip:ViT-L-14/laion2b_s32b_b82k")


@dataclass
class Timed:
    """An encoder that adds up the seconds of its forward passes."""

    encoder: Encoder
    seconds: float = 0.0

    @property
    def spec(self) -> EncoderSpec:
        return self.encoder.spec

    @property
    def prepare(self) -> Prepare:
        return self.encoder.prepare

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        begun = time.perf_counter()
        found = self.encoder.embed(batch)
        self.seconds += time.perf_counter() - begun
        return found


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def one_pass(settings: EmbedSettings, encoder: Encoder, source: Source, name: str = "jpeg") -> None:
    with tempfile.TemporaryDirectory() as out:
        work = [Work(source, combos_of([name]))]
        report = embed(replace(settings, out=Path(out)), [Candidate(encoder.spec, encoder)], work)
        assert not report.faults


def pass_by_pass(settings: EmbedSettings, encoder: Encoder, source: Source) -> None:
    for name in PARAMETERS["jpeg"]:
        one_pass(settings, encoder, source, name)


def measure(settings: EmbedSettings, encoder: Encoder, source: Source, runs: int) -> None:
    """Medians of alternating runs, so that a busy machine strikes both alike."""
    together, apart, shares = [], [], []
    for _ in range(runs):
        timed = Timed(encoder)
        together.append(seconds(lambda timed=timed: one_pass(settings, timed, source)))  # type: ignore[misc]
        shares.append(1 - timed.seconds / together[-1])
        apart.append(seconds(lambda: pass_by_pass(settings, encoder, source)))
    made = 6 * len(source)
    rates = [made / statistics.median(times) for times in (together, apart)]
    print(f"{encoder.spec.key}, {settings.workers} workers, batch {settings.batch_size}, {made:,} embeddings:")
    print(f"  one pass        {rates[0]:8.1f} images/s, {rates[0] / rates[1]:.2f} times a pass a variant")
    print(f"  pass by pass    {rates[1]:8.1f} images/s")
    print(f"  not the forward pass: {statistics.median(shares):.1%} of the time (wanted < 15%)")


def on_the_card(encoder: Encoder, batch: int, size: int) -> float:
    """Images/s of the forward pass alone."""
    import torch

    inputs = torch.randn(batch, 3, size, size, device="cuda")
    for _ in range(5):
        encoder.embed(inputs)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(30):
        encoder.embed(inputs)
    torch.cuda.synchronize()
    return 30 * batch / (time.perf_counter() - begun)


def measure_card(settings: EmbedSettings, source: Source, runs: int) -> None:
    for name in GPU_ENCODERS:
        encoder = load(resolve(name), device="cuda", dtype="bf16", pretrained=False)
        alone = on_the_card(encoder, settings.batch_size, encoder.spec.input_size)
        times = [seconds(lambda e=encoder: one_pass(settings, e, source)) for _ in range(runs)]  # type: ignore[misc]
        rate = 6 * len(source) / statistics.median(times)
        print(f"{name} in bf16: {rate:,.0f} images/s from files, {alone:,.0f} of tensors; idle {1 - rate / alone:.0%}")


def some(sources: Sequence[Source], images: int) -> Source:
    first = sources[0]
    return replace(first, ids=first.ids[:images], columns={name: v[:images] for name, v in first.columns.items()})


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--encoder", default="lite0")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    source = some(open_images(options.folder), options.images)
    settings = EmbedSettings(out=Path(), workers=options.workers, batch_size=options.batch_size)
    measure(settings, load(resolve(options.encoder)), source, options.runs)
    if torch.cuda.is_available():
        measure_card(replace(settings, device="cuda", dtype="bf16"), source, options.runs)


if __name__ == "__main__":
    main()
