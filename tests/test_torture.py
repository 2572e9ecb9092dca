"""Commands that are ended again and again, on disks that are full and beside another: a few of each.

`python -m benchmarks.torture` does it some hundred times, docs/reliability.md has the figures.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.torture import ENVIRON, Bench, can_mount, prepared, torture
from flickrexif.core.draws import rng

KILLS = 2  # of each command


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ENVIRON:
            patch.setenv(name, "")  # what is set meanwhile is undone
        with prepared(tmp_path_factory.mktemp("torture")) as bench:
            yield bench


@pytest.mark.parametrize("name", ["crawl", "refresh", "forget", "eval"])
def test_it_ends_as_if_nothing_had_happened(bench: Bench, name: str, tmp_path: Path) -> None:
    disks = name == "forget" and can_mount(tmp_path)
    assert f"{name}: {KILLS} kills" in torture(bench, name, KILLS, rng(0, "torture", name), disks=disks)
