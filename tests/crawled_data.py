"""A data folder with all that can be made of a crawl of a few photos, and a search for what is left of one."""

import hashlib
import io
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from flickrexif.collectors.crawl import CrawlSettings
from flickrexif.collectors.flickr.credentials import SANDBOX
from flickrexif.collectors.progress import CrawlProgress
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.session import Service, crawl_into
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.report import EmbedReport
from flickrexif.processing.build import ProcessReport, ProcessSettings, process
from tests.embed_encoders import Linear, embed_all
from tests.populations import ListPopulation, make_photo

MONTHS = ("2024-07", "2024-08")
OWNERS, EACH = 6, 3  # photographers, and the photos of each in a month
CAP = 2


def token(kind: str, number: int) -> str:
    """A text that stands nowhere else."""
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:20]


def serve(month: str, number: int, **changes: Any) -> SandboxPhoto:
    """Photo `number` of `month`: its photographer has a number below OWNERS."""
    first = datetime.strptime(month, "%Y-%m")
    owner = number % OWNERS
    fields: dict[str, Any] = {
        "owner": f"{70_000_000 + owner}@N01",
        "owner_name": token("name", owner),
        "title": token("title", 100 * first.month + number),
        "license": 4,
        "media": "photo",
        "safe": True,
        "taken": first + timedelta(days=number % 28),
        "uploaded": int(first.timestamp()) + 40 * 86_400,
        "width": 80 + number,
        "height": 60,
    }
    return make_photo(1_000 * first.month + number, **(fields | changes))


PHOTOS = [
    serve(month, number, exif_access="hidden" if number == 1 else "shared")
    for month in MONTHS
    for number in range(OWNERS * EACH)
]


class Cameras(ListPopulation):
    """Photos with cameras and images; one in five shows no image."""

    def exif(self, photo: SandboxPhoto) -> list[Mapping[str, Any]]:
        make = ("Canon", "NIKON CORPORATION")[photo.id % 2]
        pairs = {"Make": make, "Model": f"{make} {photo.id % 3}", "FNumber": ("4.0", "8.0")[photo.id % 2]}
        return [{"tagspace": "IFD0", "tag": tag, "raw": {"_content": raw}} for tag, raw in pairs.items()]

    def image(self, photo: SandboxPhoto, size: str) -> bytes:  # noqa: ARG002
        if photo.id % 5 == 0:
            raise FileNotFoundError
        pixels = np.random.default_rng(photo.id).integers(0, 256, (photo.height, photo.width, 3), np.uint8)
        Image.fromarray(pixels).save(file := io.BytesIO(), "JPEG", quality=85)
        return file.getvalue()


def crawl(data: Path, sandbox: Sandbox, target: int = 10, months: tuple[str, ...] = MONTHS) -> list[int]:
    """Photos kept a month."""
    service = Service(endpoint=sandbox.endpoint, credentials=SANDBOX, calls_per_hour=None)
    wanted = CrawlSettings(target=target, minimum=0, per_user_cap=CAP, images="large", workers=4)
    found = crawl_into(data, months, wanted, service, CrawlProgress(), threading.Event())
    return [summary.kept for summary in found]


def processed(data: Path, out: str = "imagenet-traces", **options: Any) -> ProcessReport:
    wanted = ("JPEG75_420", "RESIZE_HALF")
    return process(ProcessSettings(source=str(data / "flickrexif"), out=data / out, variants=wanted, **options))


def embedded(data: Path, out: str = "embeddings") -> EmbedReport:
    sources = [*open_images("flickrexif", data_dir=data), *open_images("imagenet-traces", data_dir=data)]
    return embed_all(data / out, [Linear()], sources)


def kept(data: Path) -> list[dict[str, Any]]:
    """Rows of the labels."""
    files = sorted((data / "flickrexif/labels").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def files_of(data: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file but locks, the journal, and the list, whose salt and time differ from run to run."""
    found = {}
    for path in data.rglob("*"):
        others = path.suffix == ".lock" or path.name == "takedowns.csv" or path.name.startswith("journal.sqlite")
        if path.is_file() and not others and ".flickrexif" not in path.parts:
            name = str(path.relative_to(data))
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    return found


def contents(path: Path) -> Iterator[bytes]:
    """All that a file says: its bytes, and what they decode to."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        for row in pq.ParquetFile(path).read().to_pylist():
            yield repr(row).encode()
            yield (row.get("image") or {}).get("bytes", b"")
    elif path.suffix == ".safetensors":
        found = read_embeddings(path)
        yield repr((found.image_ids(), found.metadata)).encode()
        yield found.image_embeddings.numpy().tobytes()
    elif path.name == "journal.sqlite":
        db = sqlite3.connect(path)
        yield "\n".join(db.iterdump()).encode("utf-8", "replace")
        yield from (zlib.decompress(answer) for (answer,) in db.execute("SELECT answer FROM exif"))
        db.close()


def traces(data: Path, needles: Mapping[str, bytes]) -> set[str]:
    """Which file holds which needle."""
    return {
        f"{path.relative_to(data)}: {name}"
        for path in sorted(data.rglob("*"))
        if path.is_file()
        for content in contents(path)
        for name, needle in needles.items()
        if needle in content
    }


def needles_of(photo: SandboxPhoto, data: Path) -> dict[str, bytes]:
    """What tells of a photo: id, title, a piece of the image, its embedding."""
    needles = {"id": str(photo.id).encode(), "title": photo.title.encode()}
    for path in (data / "flickrexif/.crawl/images").rglob(f"{photo.id}.jpg"):
        needles["image"] = path.read_bytes()[-400:]
    for path in (data / "embeddings/FlickrExif").glob("*.safetensors"):
        found = read_embeddings(path)
        if str(photo.id) in found.image_ids():
            needles["embedding"] = found.image_embeddings[found.image_ids().index(str(photo.id))].numpy().tobytes()
    return needles
