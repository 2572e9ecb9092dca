"""A small data folder with something for every measurement of the suite, and what its tests share."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from flickrexif.processing.build import ProcessSettings, process

PHOTOS = 70  # of FlickrExif: enough for the 50 nearest
PAIRS = 4
MADE = "flickrexif-traces"  # FlickrExif's images in JPEG variants: without labels, all in the split train


def picture(number: int, tint: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """A noisy gradient, so that every processing gives other pixels."""
    draw = np.random.default_rng(number)
    base = np.linspace(0, 120, 40 * 32).reshape(32, 40, 1) + draw.uniform(0, 80, (32, 40, 3)) + np.array(tint)
    return Image.fromarray(base.astype(np.uint8))


def encoded(image: Image.Image) -> bytes:
    """The image as PNG."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_classes(root: Path, train: int = 16, val: int = 8) -> Path:
    """train/ and val/ of the class folders red and blue."""
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            red = number % 2
            path = root / split / ("red" if red else "blue") / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(number + 100 * (split == "val"), (50, 0, 0) if red else (0, 0, 50)).save(path)
    return root


def write_flickrexif(root: Path) -> Path:
    """Images, labels of two months, and the splits of Make and Is Smartphone; phones are reddish."""
    ids = [53_000_000_000 + number for number in range(PHOTOS)]
    pictures = [encoded(picture(n, (50, 0, 0) if n % 2 else (0, 0, 50))) for n in range(PHOTOS)]
    images = [{"bytes": data, "path": f"{flickr_id}.png"} for flickr_id, data in zip(ids, pictures, strict=True)]
    hashes = [hashlib.sha256(data).hexdigest() for data in pictures]
    (root / "images").mkdir(parents=True)
    table = pa.table({"Flickr ID": ids, "image": images, "sha256": hashes})
    features = {"features": {"image": {"_type": "Image"}}}  # as `datasets` notes them
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": features})})
    pq.write_table(table, root / "images" / "train-2024-08-00000.parquet")
    (root / "collection.json").write_text(json.dumps({"source": ""}))  # embeddings alone do not name one either
    (root / "labels").mkdir()
    for month, rows in (("2024-07", slice(0, 30)), ("2024-08", slice(30, PHOTOS))):
        numbers = range(PHOTOS)[rows]
        columns = {"Flickr ID": ids[rows], "owner": [f"owner {n // 3}" for n in numbers]}
        table = pa.table(columns | {"is_smartphone": [bool(n % 2) for n in numbers]})
        pq.write_table(table, root / "labels" / f"train-{month}.parquet")
    write_split(root / "splits", "Make", ["Apple", "Canon"], ids)
    write_split(root / "splits", "Is Smartphone", ["False", "True"], ids)
    return root


def write_split(folder: Path, attribute: str, classes: list[str], ids: list[int]) -> None:
    record: dict[str, Any] = {"target_attribute": attribute, "label_encoder_classes": classes}
    for split, rows in (("train", slice(0, 40)), ("val", slice(40, 50)), ("test", slice(50, PHOTOS))):
        record |= {f"{split}_ids": ids[rows], f"encoded_{split}_labels": [i % 2 for i in ids[rows]]}
    folder.mkdir(exist_ok=True)
    (folder / f"split_data_target_attribute={attribute}.json").write_text(json.dumps(record))


def write_pairs(root: Path) -> Path:
    """Every subject with a camera and with a phone."""
    rows = [(subject, side) for subject in range(PAIRS) for side in ("camera", "phone")]
    tints = {"phone": (30, 0, 0), "camera": (0, 0, 30)}
    images = [{"bytes": encoded(picture(200 + subject, tints[side])), "path": None} for subject, side in rows]
    table = pa.table({"image": images, "subject_idx": [s for s, _ in rows], "side": [side for _, side in rows]})
    (root / "data").mkdir(parents=True)
    pq.write_table(table, root / "data" / "train-00000-of-00001.parquet")
    return root


def write_data(root: Path) -> Path:
    """`imagenet-traces` (JPEG, sharpening and the images as they were), FlickrExif, its variants, PairCams."""
    classes = write_classes(root / "originals" / "imagenet")
    traces = {"source": str(classes), "out": root / "data" / "imagenet-traces", "variants": ("IDENTITY",)}
    process(ProcessSettings(**traces, parameter="jpeg"))  # type: ignore[arg-type]
    process(ProcessSettings(**traces, parameter="sharpening"))  # type: ignore[arg-type]
    photos = write_flickrexif(root / "data" / "flickrexif")
    process(ProcessSettings(source=str(photos), out=root / "data" / MADE, parameter="jpeg"))
    write_pairs(root / "data" / "paircams")
    return root / "data"


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and bytes of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def records(data_dir: Path) -> dict[str, dict[str, Any]]:
    """All records below results/ as JSON, without the time they took."""
    by_path = {}
    for path in sorted((data_dir / "results").rglob("*.json")):
        record = json.loads(path.read_text())
        record.pop("seconds")
        by_path[path.relative_to(data_dir / "results").as_posix()] = record
    return by_path
