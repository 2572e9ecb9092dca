"""All ten paper splits of a simulated labels table: time, memory, what is short, and how much of train is kept.

python benchmarks/splits.py [photos]
"""

import resource
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa

from flickrexif.dataset.split_files import SPLITS
from flickrexif.dataset.splits import ATTRIBUTES, PAPER, make_split

PHOTOS = 356_459  # of the paper's table
OWNERS = 20_000
MAKES = ("Apple", "Canon", "EASTMAN KODAK COMPANY", "FUJIFILM", "NIKON", "OLYMPUS", "Panasonic", "SONY", "samsung")
SIZES = {"exposure_exact": 60, "aperture_exact": 40, "iso_exact": 50, "focal_length_exact": 80}


def simulated(photos: int) -> pa.Table:
    """Few owners have most photos (Zipf), one to three cameras and habits of their own."""
    rng = np.random.default_rng(0)
    weight = 1 / np.arange(1, OWNERS + 1)
    owner = rng.choice(OWNERS, photos, p=weight / weight.sum())
    models = 1_500
    popular = 1 / np.arange(1, models + 1) ** 0.9
    cameras = rng.choice(models, (OWNERS, 3), p=popular / popular.sum())
    model = cameras[owner, rng.choice(3, photos, p=(0.7, 0.2, 0.1))]
    columns = {
        "Flickr ID": rng.permutation(photos * 10)[:photos] + 1,
        "owner": np.char.add(owner.astype(str), "@N00"),
        "make_published": np.array(MAKES)[model % len(MAKES)],
        "model": np.char.add("model ", model.astype(str)),
        "is_smartphone": model % len(MAKES) == 0,
        "flash": rng.random(photos) < rng.beta(0.3, 2, OWNERS)[owner],
        "year": 2000 + rng.integers(0, 25, OWNERS)[owner] // 2 + rng.integers(0, 13, photos),
    }
    for name, classes in SIZES.items():
        common = rng.permutation(1 / np.arange(1, classes + 1))
        usual = rng.choice(classes, (OWNERS, 12), p=common / common.sum())
        value = usual[owner, rng.integers(0, 12, photos)]
        columns[name] = np.char.add("value ", value.astype(str))
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)


def main() -> None:
    """Print a row an attribute, then the total."""
    table = simulated(int(sys.argv[1]) if sys.argv[1:] else PHOTOS)
    before = peak()
    start = time.perf_counter()
    for attribute in ATTRIBUTES:
        began = time.perf_counter()
        split = make_split(table, attribute, PAPER, 0)
        counts = "/".join(f"{split.counts(name).min():,}" for name in SPLITS)
        short = sum(s.wanted - s.found for s in split.shortfalls)
        took = time.perf_counter() - began
        print(f"{attribute:17} {len(split.classes):3} classes of {counts:>14}, {short:5} photos short, {took:5.1f} s")
    print(f"{table.num_rows:,} rows: {time.perf_counter() - start:.1f} s, {peak() - before:.0f} MB more than the table")


def peak() -> float:
    """The most memory this process held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


if __name__ == "__main__":
    main()
