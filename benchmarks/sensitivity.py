"""The trace sensitivity of encoders that see nothing: how often does its 95% interval hold 0, as it is?

    python -m benchmarks.sensitivity [--seeds 20]

Two blind encoders a seed: `image` has a random vector an image, the same in every processing, as `control:random`;
`variant` has one for each image and processing. Measured are the linear probe of three processings and the five set-ups
of kNN (400 training and 300 test images of 10 classes), the probe of smart or not, the nearest photos (300) and pairs
(150). Expected: all of the first, as its sensitivity to processing is 0 whatever is drawn; 19 of 20 of the second.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

import flickrexif
from flickrexif.core.draws import rank
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, write_embeddings
from flickrexif.eval.report.score.sensitivity import Score, board_of
from flickrexif.eval.report.select import read_records, used_entries
from flickrexif.processing.variants import classes

TRAIN, TEST, PAIRS, WIDTH = 400, 300, 150, 64
PARAMETER = "sharpening"
FAST = {"parameter": PARAMETER, "seeds": 2}


def vectors(rows: int, key: str) -> torch.Tensor:
    """Random vectors [rows, WIDTH] of that key."""
    generator = torch.Generator().manual_seed(rank(0, "blind encoder", key) % 2**32)
    return torch.randn(rows, WIDTH, generator=generator)


def write(root: Path, kind: str, seed: int) -> Path:
    """Embedding files of one blind encoder; returns a split file with labels of its photos."""
    for split, rows in (("train", TRAIN), ("val", TEST)):
        for number, name in enumerate(classes(PARAMETER)):
            key = f"{seed}{split[0]}{number if kind == 'variant' else 0}"
            ids = pack_text([f"{split}/{row}" for row in range(rows)])
            columns = {"label": torch.arange(rows) % 10, "image_id": ids}
            path = EmbeddingKey("blind", "random", kind, processing=name, split=split).path(root)
            write_embeddings(path, vectors(rows, key), columns)
    photos = torch.arange(TRAIN + TEST) + 53_000_000_000
    for mask in (0.0, 0.9):
        path = EmbeddingKey("FlickrExif", "random", kind, mask=mask).path(root)
        write_embeddings(path, vectors(len(photos), f"{seed}f{mask:g}"), {"Flickr ID": photos})
    subject, phone = torch.arange(2 * PAIRS) // 2, torch.arange(2 * PAIRS) % 2
    path = EmbeddingKey("PairCams", "random", kind).path(root)
    write_embeddings(path, vectors(2 * PAIRS, f"{seed}p"), {"subject": subject, "model": phone})
    labels = root.parent / "split_data_target_attribute=Is Smartphone.json"
    split_file = {"target_attribute": "Is Smartphone", "label_encoder_classes": ["False", "True"]}
    ids = photos.tolist()
    parts = {"train": ids[: TRAIN - 200], "val": ids[TRAIN - 200 : TRAIN], "test": ids[TRAIN:]}
    for name, of in parts.items():
        split_file |= {f"{name}_ids": of, f"encoded_{name}_labels": [number % 2 for number in of]}
    labels.write_text(json.dumps(split_file))
    return labels


def score(kind: str, seed: int) -> Score:
    """The score of one blind encoder."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "embeddings"
        labels = write(root, kind, seed)
        options = {
            "embeddings": root,
            "out": Path(folder) / "results",
            "data_dir": Path(folder) / "data",
            "device": "cpu",
        }
        name, fast = f"random/{kind}", {"protocol": "fast"}
        flickrexif.evaluate(
            name, ["probe", "knn"], dataset="blind", settings=FAST | {"probe.protocol": "fast"}, **options
        )
        flickrexif.evaluate(name, ["probe", "neighbors"], dataset="FlickrExif", labels=labels, settings=fast, **options)
        flickrexif.evaluate(name, "retrieval", dataset="PairCams", **options)
        (only,) = board_of(used_entries(read_records(Path(folder) / "results").entries)).scores
        return only


def main() -> int:
    """Print an interval a seed, and how many hold 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    for kind in ("image", "variant"):
        holding = 0
        for seed in range(seeds):
            of = score(kind, seed)
            point = of.sensitivity
            assert point.value is not None
            assert point.low is not None
            assert point.high is not None
            holding += point.low <= 0 <= point.high
            parts = ", ".join(f"{name} {p.value:+.3f}" for name, p in of.parts.items() if p.value is not None)
            print(f"{kind} {seed}: {point.value:+.4f} ({point.low:+.4f} to {point.high:+.4f}); {parts}", flush=True)
        print(f"{kind}: {holding} of {seeds} intervals hold 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
