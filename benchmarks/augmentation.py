"""Two small encoders that differ in augmentation alone: the training of `mini:plain` and `mini:augmented`.

    python -m benchmarks.augmentation DATA --out FOLDER [--recipe plain --recipe augmented] [--seed 0] [--epochs 9]

DATA is Imagenette with train/ and val/ of one folder a class (github.com/thunderInfy/imagenette; the public archive
works too: photos are brought to 224 px). The photos of `imagenette-mini` are left out, so that the small benchmark
stays unseen. Same network, first weights, order of the photos, epochs and optimiser for every recipe of a seed; a
stopped run goes on from its last epoch. FOLDER gets RECIPE-SEED.safetensors (float16), ready for `--encoder`.

67 s an epoch of plain and 77 s of augmented, both at once on two cores of an AMD EPYC with bfloat16.
"""

import argparse
import csv
import io
import json
import random
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn

from flickrexif.core.draws import rank, rng
from flickrexif.eval.encoders.mini import CHANNELS, MEAN, STD, network

PHOTO, CROP, BATCH = 224, 112, 64
RATE, PEAK, DECAY, SMOOTHING = 1e-3, 2e-3, 0.05, 0.1
FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)

Step = Callable[[Image.Image, random.Random], Image.Image]


def centre(image: Image.Image, _: random.Random) -> Image.Image:
    """The middle of the photo as it is."""
    edge = (PHOTO - CROP) // 2
    return image.crop((edge, edge, edge + CROP, edge + CROP))


def random_crop(image: Image.Image, draw: random.Random) -> Image.Image:
    """A square of 20 to 100% of the area, brought to size by one of four filters, mirrored half the time."""
    side = PHOTO * draw.uniform(0.2, 1) ** 0.5
    left, top = draw.uniform(0, PHOTO - side), draw.uniform(0, PHOTO - side)
    crop = image.resize((CROP, CROP), draw.choice(FILTERS), (left, top, left + side, top + side))
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else crop


def light(image: Image.Image, draw: random.Random) -> Image.Image:
    """Brightness, contrast and colour times 0.6 to 1.4, eight times in ten."""
    if draw.random() < 0.8:
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = change(image).enhance(draw.uniform(0.6, 1.4))
    return image


def processed(image: Image.Image, draw: random.Random) -> Image.Image:
    """Blurred up to 1.5 px (0.3 of the time), sharpened 1 to 4 (0.3), saved as JPEG of quality 30 to 95 (0.6)."""
    if draw.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(draw.uniform(0, 1.5)))
    if draw.random() < 0.3:
        image = ImageEnhance.Sharpness(image).enhance(draw.uniform(1, 4))
    if draw.random() < 0.6:
        memory = io.BytesIO()
        image.save(memory, "JPEG", quality=draw.randint(30, 95), subsampling=draw.choice(("4:4:4", "4:2:0")))
        image = Image.open(memory)
    return image


RECIPES: dict[str, tuple[Step, ...]] = {
    "plain": (centre,),
    "geometric": (random_crop,),
    "photometric": (centre, light),
    "processing": (centre, processed),
    "augmented": (random_crop, light, processed),
}


def square(path: Path) -> NDArray[np.uint8]:
    """The photo's middle square of 224 px; a photo of 224 x 224 px as it is. Shape (224, 224, 3)."""
    with Image.open(path) as image:
        photo = image.convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) / 2, (photo.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(photo if photo.size == (PHOTO, PHOTO) else photo.resize((PHOTO, PHOTO), 3, box))


def photos(data: Path, cache: Path) -> tuple[NDArray[np.uint8], list[str], Tensor]:
    """The training photos that imagenette-mini does not use: pixels (n, 224, 224, 3), names, classes (n,)."""
    manifest = files("flickrexif.eval.benchmark").joinpath("imagenette-mini.csv").read_text()
    kept = {row["file"] for row in csv.DictReader(manifest.splitlines())}
    every = sorted(path for path in (data / "train").glob("*/*") if path.relative_to(data).as_posix() not in kept)
    folders = sorted({path.parent.name for path in every})
    classes = torch.tensor([folders.index(path.parent.name) for path in every])
    if not cache.exists():
        partial = cache.with_suffix(".partial.npy")
        pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(every), PHOTO, PHOTO, 3))
        for row, path in enumerate(every):
            pixels[row] = square(path)
        pixels.flush()
        partial.replace(cache)
    return np.load(cache, mmap_mode="r"), [path.name for path in every], classes


def batch(pixels: NDArray[np.uint8], names: list[str], rows: list[int], recipe: str, seed: int, epoch: int) -> Tensor:
    """Augmented and normalised photos, shape (rows, 3, 112, 112); each draw is keyed by seed, epoch and name."""
    made = np.empty((len(rows), CROP, CROP, 3), np.float32)
    for place, row in enumerate(rows):
        draw = rng(seed, f"augmentation/{recipe}/{epoch}", names[row])
        image = Image.fromarray(pixels[row])
        for step in RECIPES[recipe]:
            image = step(image, draw)
        made[place] = np.asarray(image, np.float32)
    return ((torch.from_numpy(made) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)


def train(data: Path, out: Path, recipe: str, seed: int, epochs: int) -> None:
    """One network by one recipe, on one thread; every finished epoch is kept."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    pixels, names, classes = photos(data, out / "photos.npy")
    model = network(num_classes=10).to(memory_format=torch.channels_last)
    steps = len(names) // BATCH
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=epochs * steps)
    loss = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    kept, first = out / f"{recipe}-{seed}.pt", 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        for part, name in ((model, "model"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(state[name])
        first = state["epoch"] + 1
    for epoch in range(first, epochs):
        begun, right = time.perf_counter(), 0
        order = sorted(range(len(names)), key=lambda row: rank(seed, f"order/{epoch}", names[row]))
        model.train()
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            inputs = batch(pixels, names, rows, recipe, seed, epoch).to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(inputs)
            error = loss(scores.float(), classes[rows])
            optimiser.zero_grad(set_to_none=True)
            error.backward()
            optimiser.step()
            schedule.step()
            right += int((scores.argmax(1) == classes[rows]).sum())
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        torch.save(state | {"epoch": epoch}, kept.with_suffix(".partial"))
        kept.with_suffix(".partial").replace(kept)
        accuracy, seconds = right / (steps * BATCH), time.perf_counter() - begun
        print(
            f"{recipe}-{seed} epoch {epoch + 1}/{epochs}: training accuracy {accuracy:.3f}, {seconds:.0f} s", flush=True
        )
    weights = {
        name: value.half().contiguous() for name, value in model.state_dict().items() if value.is_floating_point()
    }
    note = {"recipe": recipe, "seed": seed, "epochs": epochs, "channels": CHANNELS, "photos": len(names)}
    save_file(weights, out / f"{recipe}-{seed}.safetensors", {"training": json.dumps(note)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", choices=RECIPES, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=9)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for recipe in options.recipe or RECIPES:
        train(options.data, options.out, recipe, options.seed, options.epochs)


if __name__ == "__main__":
    main()
