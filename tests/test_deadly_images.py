"""Images that end the process that processes them, and processes that die of something else: on this machine's cores.

On a cluster: tests/test_ray.py. Nothing heavy is imported here, as each of the processes would import it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError
from flickrexif.processing.engines import deadly, local
from flickrexif.processing.shards import Target, Unit, codecs, make_shards, read_marker, stored_marker
from flickrexif.processing.source import Reader
from flickrexif.processing.sources import open_source
from tests.samples import write_image_folder

Run = Callable[..., None]


def pictures(tmp_path: Path) -> Path:
    """Eight images, of which the first is none."""
    root = write_image_folder(tmp_path / "pictures", classes=1, train=8, val=0)
    min(root.rglob("*.jpg")).write_bytes(b"no image")
    return root


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_halving_finds_each_image_alone(images: int, places: set[int]) -> None:
    places = {place for place in places if place < images}
    assert sorted(deadly(images, lambda start, stop: any(start <= place < stop for place in places))) == sorted(places)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class WithDeadly:
    """Reads as `read` does, but for some images, which end the process."""

    read: Reader
    images: frozenset[str]

    def __call__(self, ids: Sequence[str], first: int) -> Iterator[bytes | None]:
        for image_id, data in zip(ids, self.read(ids, first), strict=True):
            if image_id in self.images:
                die()
            yield data


def check_process(tmp_path: Path, run: Run) -> None:
    """Two units are done, of which one holds two deadly images and one that is no image."""
    source, out = open_source(str(pictures(tmp_path))), tmp_path / "out"
    bad = [source.ids[place] for place in (1, 3)]
    source = replace(source, reader=WithDeadly(source.reader, frozenset(bad)))
    target = Target(out, ("IDENTITY",), bytes(len(source)), "settings")
    half = len(source) // 2
    units = [
        Unit(source.part(start, start + half), number, 2, (replace(target, chosen=bytes(half)),), 0, codecs())
        for number, start in enumerate((0, half))
    ]
    done, reasons = 0, Counter[str]()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal done
        done += images
        reasons.update(failed)

    run(units, make_shards, tick)
    first, second = (stored_marker(out, unit.shard) for unit in units)
    assert first
    assert second
    expected = {source.ids[0]: "not_an_image", **dict.fromkeys(bad, "crashes")}
    assert dict(first.failures) == expected
    assert (first.rows, second.rows, second.failures) == (half - 3, half, ())
    assert done == len(source)
    assert +reasons == Counter(expected.values())


def test_processing_goes_on_without_them(tmp_path: Path) -> None:
    check_process(tmp_path, lambda *arguments: local.run(*arguments, workers=2))


def dies_once(unit: Unit, tick: Any) -> None:
    """`make_shards` by a worker that is killed the first time."""
    sign = unit.targets[0].folder / "killed"
    if not sign.exists():
        sign.parent.mkdir(parents=True, exist_ok=True)
        sign.touch()
        die()
    make_shards(unit, tick)


def dies_always(unit: Unit, tick: Any) -> None:
    die()


def test_a_worker_that_is_killed_costs_only_its_time(tmp_path: Path) -> None:
    source = open_source(str(pictures(tmp_path)))
    unit = Unit(source, 0, 1, (Target(tmp_path, ("IDENTITY",), bytes(len(source)), "settings"),), 0, codecs())
    local.run([unit], dies_once, lambda *_: None, workers=2)
    marker = read_marker(tmp_path, unit.shard)
    assert marker
    assert marker.failures == ((source.ids[0], "not_an_image"),)
    with pytest.raises(FlickrExifError, match="again and again"):
        local.run([unit], dies_always, lambda *_: None, workers=2)
