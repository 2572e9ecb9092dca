"""Parquet files: those that are damaged are one sentence, and what is written again is as if it had never held more."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core import parquet
from flickrexif.core.columns import Column
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.parquet import (
    features_of,
    read_columns,
    read_table,
    remove_rows,
    runs,
    schema_of,
    write_images,
    write_rows,
)

COLUMNS = (Column("id", "int64", ""), Column("image", "image", ""), Column("text", "string", ""))
Sizes = list[int]


def row(number: int, size: int) -> dict[str, object]:
    return {"id": number, "image": {"bytes": b"x" * size, "path": f"{number}.jpg"}, "text": f"n{number}"}


def by_hand(sizes: Sizes, limit: int) -> list[Sizes]:
    """Runs of `sizes`, filled one after the other."""
    done: list[Sizes] = []
    for size in sizes:
        if done and sum(done[-1]) + size <= limit:
            done[-1].append(size)
        else:
            done.append([size])
    return done


@given(st.lists(st.integers(1, 30)), st.integers(1, 60))
def test_runs_are_full_and_within_the_limit(sizes: Sizes, limit: int) -> None:
    rows = [row(number, size) for number, size in enumerate(sizes)]
    found = [[len(one["image"]["bytes"]) for one in run] for run in runs(rows, limit)]
    assert found == by_hand(sizes, limit)


def test_a_run_is_read_as_it_is_used() -> None:
    asked = []

    def rows() -> "parquet.Rows":
        for number in range(9):
            asked.append(number)
            yield row(number, 10)

    first = next(runs(rows(), 40))
    assert [next(first)["id"], asked] == [0, [0]]


@pytest.mark.parametrize("unwanted", [{3}, {0, 1}, set(range(0, 9, 2)), {8}, {99}])
def test_a_file_without_rows_is_as_if_they_had_never_been_there(
    tmp_path: Path, unwanted: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "BATCH_BYTES", 40)
    rows = [row(number, 5 + number) for number in range(9)]
    kept = [one for one in rows if one["id"] not in unwanted]
    schema = schema_of(COLUMNS)
    small = COLUMNS[:1] + COLUMNS[2:]
    for name, some in (("whole", rows), ("kept", kept)):
        write_images(tmp_path / f"{name}-images.parquet", schema, some)
        write_rows(tmp_path / f"{name}-rows.parquet", pa.Table.from_pylist(some, schema), small)
    for kind in ("images", "rows"):
        whole, wanted = tmp_path / f"whole-{kind}.parquet", tmp_path / f"kept-{kind}.parquet"
        before = whole.read_bytes()
        assert remove_rows(whole, "id", unwanted, "x", write=False) == len(rows) - len(kept)
        assert whole.read_bytes() == before
        assert remove_rows(whole, "id", unwanted, "x", write=True) == len(rows) - len(kept)
        assert whole.read_bytes() == wanted.read_bytes()
        assert remove_rows(whole, "id", set(range(9)), "x", write=True) == len(kept)
        assert not whole.exists()
    assert features_of(tmp_path / "kept-images.parquet")["image"] == {"_type": "Image"}
    assert features_of(tmp_path / "kept-rows.parquet") == {
        "id": {"dtype": "int64", "_type": "Value"},
        "text": {"dtype": "string", "_type": "Value"},
    }


def _damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _no_text(path: Path) -> None:
    """A text that is no UTF-8: Arrow reads it, and Python cannot."""
    content = path.read_bytes()
    assert content.count(b"n1") >= 1
    path.write_bytes(content.replace(b"n1", b"\xff1"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), r"cannot be read \(.*No such file"),
        (lambda path: path.write_bytes(b"PAR1"), r"cannot be read \("),
        (_damaged, r"cannot be read \("),
        (_no_text, r"cannot be read \(.*UTF"),
        (lambda path: pq.write_table(pa.table({"id": [1]}), path), "has no column 'text'"),
    ],
)
def test_a_file_that_is_not_whole_is_one_sentence(tmp_path: Path, damage: object, words: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2], "text": ["n1", "n2"]}), path, compression="none", write_statistics=False)
    damage(path)  # type: ignore[operator]
    with pytest.raises(FlickrExifError, match=rf"a\.parquet {words}") as failed:
        list(read_columns([path], ["text"], "Do that."))
    assert failed.value.hint == "Do that."
    assert "\n" not in str(failed.value)


def test_files_of_several_types_are_joined_or_refused(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.parquet" for number in range(3)]
    for path, values in zip(files, (pa.array([1, 2]), pa.nulls(1), pa.array(["x"])), strict=True):
        pq.write_table(pa.table({"id": values}), path)
    assert read_table(files[:2], ["id"])["id"].to_pylist() == [1, 2, None]
    with pytest.raises(FlickrExifError, match="differ in their columns"):
        read_table(files, ["id"])


def test_a_fault_of_our_own_keeps_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1]}), path)
    with pytest.raises(KeyError), parquet.opened(path):
        raise KeyError("ours")
