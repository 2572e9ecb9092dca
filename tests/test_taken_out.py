"""Photos out of processed splits: what is made again afterwards has the rows it had before but those, each once."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.core.errors import UsageError
from flickrexif.core.takedowns import add, takedown_path
from flickrexif.processing.build import ProcessReport, ProcessSettings, process, summary
from flickrexif.processing.holder import HOLDER
from tests.folders import hashes
from tests.test_takedown import NOW

FIRST = 53_512_000_000
COUNT = 16
IDS = [FIRST + number for number in range(COUNT)]
BROKEN = {IDS[5], IDS[11]}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of photos that are named by their ids; two of them are no images."""
    root = tmp_path_factory.mktemp("source") / "photos"
    for place, photo_id in enumerate(IDS):
        path = root / ("cat", "dog")[place % 2] / f"{photo_id}_b.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(place).integers(0, 256, (16 + place, 20, 3), np.uint8)
        Image.fromarray(pixels).save(file := io.BytesIO(), "JPEG", quality=90)
        path.write_bytes(b"no image" * 100 if photo_id in BROKEN else file.getvalue())
    return root


def made(source: Path, out: Path, **options: Any) -> ProcessReport:
    if "parameter" not in options:
        options = {"variants": ("SHARPEN_2", "RESIZE_HALF")} | options
    return process(ProcessSettings(source=str(source), out=out, shard_bytes=2_500, **options))


def forget(root: Path, ids: Sequence[int], *, write: bool = True) -> int:
    """Photos out of all that lies below `root`."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return sum(counts.total() for counts in HOLDER.forget(files, list(map(str, ids)), write).values())


def remove_from(source: Path, ids: Sequence[int]) -> None:
    for photo_id in ids:
        next(source.rglob(f"{photo_id}_b.jpg")).unlink()


def rows(out: Path, config: str) -> list[tuple[str, str]]:
    """Id and hash of every row, in the order of the files."""
    files = sorted((out / config).glob("*.parquet"))
    return [(row["image_id"], row["sha256"]) for path in files for row in pq.read_table(path).to_pylist()]


def expected(whole: Path, config: str, gone: Sequence[int]) -> list[tuple[str, str]]:
    return [row for row in rows(whole, config) if int(row[0][4:15]) not in gone]


def failures(out: Path, config: str) -> list[str]:
    return [line.split(",")[0] for line in (out / config / "train-failures.csv").read_text().splitlines()[1:]]


steps = st.lists(
    st.tuples(
        st.sets(st.sampled_from(IDS), min_size=1, max_size=3),
        st.sampled_from(["kept", "removed", "some removed"]),  # whether the source loses them too
        st.sets(st.integers(0, 30), max_size=4),  # files that are lost then
        st.booleans(),  # whether the split is made again before the next step
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    steps=steps, listed=st.booleans(), draw=st.sampled_from([{}, {"parameter": "jpeg", "draw": "balanced", "seed": 1}])
)
def test_any_shard_made_again_has_the_right_rows(
    photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[set[int], str, set[int], bool]],
    draw: dict[str, Any],
    listed: bool,
) -> None:
    folder = tmp_path_factory.mktemp("taken")
    source = Path(shutil.copytree(photos, folder / "photos"))
    made(source, folder / "whole", **draw)
    out = Path(shutil.copytree(folder / "whole", folder / "data/out"))
    (folder / "data/.flickrexif").mkdir()
    configs = [path.name for path in sorted(out.iterdir()) if path.is_dir()]
    gone: set[int] = set()
    source_kept = listed and all(fate == "kept" for _, fate, _, _ in steps)
    for chosen, fate, lost, again in [*steps, (set(), "kept", set(), True)]:
        forget(folder / "data", sorted(chosen))
        if listed:
            add(takedown_path(folder / "data/flickrexif"), photos=chosen, reason="x", now=NOW)
        new = sorted(chosen - gone)
        gone |= chosen
        if fate != "kept":
            remove_from(source, new if fate == "removed" else new[:1])
        files = sorted([*out.rglob("*-of-*.parquet"), *out.rglob("*-of-*.json")])
        for number in lost if again or source_kept else ():  # else nothing says which photos lost shards held
            files[number % len(files)].unlink(missing_ok=True)
        if again:
            made(source, out, **draw)
            for config in configs:
                assert rows(out, config) == expected(folder / "whole", config, sorted(gone))
                assert len(failures(out, config)) == len(BROKEN - gone)
    before = hashes(out)
    assert all(part.new_shards == 0 for part in made(source, out, **draw).parts)
    assert hashes(out) == before
    assert not [
        p for p in out.rglob("*") if p.suffix in (".json", ".csv") and any(str(i) in p.read_text() for i in gone)
    ]


def test_a_dry_run_counts_and_changes_nothing(photos: Path, tmp_path: Path) -> None:
    made(photos, tmp_path / "out")
    before = hashes(tmp_path)
    ids = [IDS[0], IDS[5]]  # a row in each of two configs, and a failure
    assert forget(tmp_path, ids, write=False) == 4
    assert hashes(tmp_path) == before
    assert forget(tmp_path, ids) == 4
    assert forget(tmp_path, ids) == 0


def test_a_run_that_was_cut_goes_on_without_the_photo(photos: Path, tmp_path: Path) -> None:
    """Of a shard that was not made yet nothing names the photo but the listing."""
    source = Path(shutil.copytree(photos, tmp_path / "data/photos"))
    out = tmp_path / "data/out"
    made(source, out, variants=("SHARPEN_2",))
    whole = rows(out, "sharpen_2")
    first, *others = sorted((out / "sharpen_2").glob("*.parquet"))
    for shard in others:
        shard.unlink()
        (out / "sharpen_2/.done" / f"{shard.stem}.json").unlink()
    last = int(whole[-1][0][4:15])
    forget(tmp_path / "data", [last])
    remove_from(source, [last])
    made(source, out, variants=("SHARPEN_2",))
    assert rows(out, "sharpen_2") == whole[:-1]
    assert first.exists()


def test_a_source_that_has_other_images_is_refused_as_before(photos: Path, tmp_path: Path) -> None:
    source, out = Path(shutil.copytree(photos, tmp_path / "photos")), tmp_path / "out"
    made(source, out)
    forget(out, [IDS[3]])
    other = source / "cat" / f"{IDS[3] + 100}_b.jpg"
    shutil.copyfile(source / "cat" / f"{IDS[0]}_b.jpg", other)
    with pytest.raises(UsageError, match="made with other settings"):
        made(source, out)
    other.unlink()
    path = source / "cat" / f"{IDS[0]}_b.jpg"
    path.write_bytes(path.read_bytes() + b"changed")
    with pytest.raises(UsageError, match="made with other settings"):
        made(source, out)


@pytest.mark.parametrize("in_source", [True, False])
def test_a_limited_split_takes_no_other_image_instead(photos: Path, tmp_path: Path, in_source: bool) -> None:
    source, out = Path(shutil.copytree(photos, tmp_path / "photos")), tmp_path / "out"
    made(source, out, limit=10)
    whole = rows(out, "sharpen_2")
    gone = int(whole[2][0][4:15])
    forget(out, [gone])
    if not in_source:
        remove_from(source, [gone])
    sorted((out / "sharpen_2").glob("*.parquet"))[0].unlink()
    made(source, out, limit=10)
    assert rows(out, "sharpen_2") == [row for row in whole if str(gone) not in row[0]]


def test_what_is_on_the_list_is_not_taken_from_any_source(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / ".flickrexif").mkdir(parents=True)
    made(photos, tmp_path / "whole")
    add(takedown_path(data / "flickrexif"), photos=[IDS[2], IDS[5]], reason="x", now=NOW)
    report = made(photos, data / "out")
    assert rows(data / "out", "sharpen_2") == expected(tmp_path / "whole", "sharpen_2", [IDS[2], IDS[5]])
    assert [part.taken_down for part in report.parts] == [2, 2]
    assert "taken down: 2" in summary(report)
    before = hashes(data / "out")
    made(photos, data / "out")
    assert hashes(data / "out") == before


def test_a_split_of_the_first_version_says_that_it_cannot_go_on(photos: Path, tmp_path: Path) -> None:
    """It has no listing: made whole and used as it is, but no shard can be made again."""
    made(photos, tmp_path / "out")
    for path in tmp_path.rglob("*.listing.npz"):
        path.unlink()
    made(photos, tmp_path / "out")  # writes the listings while nothing was taken out
    assert len(list(tmp_path.rglob("*.listing.npz"))) == 2
    for path in tmp_path.rglob("*.listing.npz"):
        path.unlink()
    assert forget(tmp_path, [IDS[0]]) == 2
    with pytest.raises(UsageError, match="made with other settings"):
        made(photos, tmp_path / "out")
