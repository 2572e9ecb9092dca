"""The tables of a report as files, read back with pandas, and the records that they are made of."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.report.charts import tables
from flickrexif.eval.report.published import inferred, paper_numbers, published
from flickrexif.eval.report.render.tables import cell, numbers_csv, tex, to_csv, to_tex
from flickrexif.eval.report.select import NOT_FLICKR, SIMULATED, banners, read_records
from flickrexif.eval.report.spec import Column, Point, Table
from flickrexif.eval.results import Result, write_result
from tests.report_records import figures, records

TABLE_2 = {  # the paper's, in %
    "paper:clip/ViT-L-14@336px": (70.1, 69.1, 67.6),
    "paper:siglip/base_256": (58.6, 57.3, 56.1),
    "paper:convnext/large": (56.8, 56.2, 55.4),
    "paper:vit/huge_patch14_224": (52.8, 53.0, 52.6),
    "paper:dino/resnet50": (58.0, 55.5, 54.3),
    "paper:dinov2/vitl14": (54.0, 53.6, 52.9),
}


@pytest.fixture(scope="module")
def entries() -> list[tuple[str, Result]]:
    return records(4, points=20)


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


def test_every_number_of_the_records_is_in_the_csv(entries: list[tuple[str, Result]]) -> None:
    numbers = read(numbers_csv(entries)).set_index(["record", "metric"])
    expected = {(path, metric): value for path, result in entries for metric, value in result.metrics.items()}
    assert _same(numbers, expected)
    low, high = entries[0][1].intervals["accuracy"]
    assert tuple(numbers.loc[(entries[0][0], "accuracy"), ["low", "high"]]) == (low, high)


def _same(numbers: pd.DataFrame, expected: Mapping[tuple[str, str], float | None]) -> bool:
    values = numbers["value"].to_dict()
    return values.keys() == expected.keys() and all(
        pd.isna(values[key]) if value is None else values[key] == value for key, value in expected.items()
    )


def test_tables_hold_the_records_numbers(entries: list[tuple[str, Result]]) -> None:
    by_name = {table.name: table for table in tables(entries)}
    processing = read(to_csv(by_name["probe-processing"])).set_index("encoder")
    chance = processing.loc["chance"].dropna()
    assert list(chance[[c for c in chance.index if not c.endswith((" low", " high"))]])[:3] == [
        "16.7%",
        "16.7%",
        "33.3%",
    ]
    by_path = dict(entries)
    for path, result in entries:
        if result.task == "probe" and result.parameter and result.metrics["accuracy"] is not None:
            column = f"probe-{result.parameter}-{result.dataset.lower().replace(' ', '-')}"
            assert float(processing.loc[result.encoder, column]) == by_path[path].metrics["accuracy"]
            assert float(processing.loc[result.encoder, f"{column} low"]) == result.intervals["accuracy"][0]
    neighbors = read(to_csv(by_name["neighbors-is-smartphone-flickrexif"])).set_index("encoder")
    clip = [100 * neighbors.loc["paper: paper:clip/ViT-L-14@336px", k] for k in ("10", "25", "50")]
    assert clip == pytest.approx(TABLE_2["paper:clip/ViT-L-14@336px"])
    knn = read(to_csv(by_name["knn-jpeg-imagenet"]))
    assert len(knn) == 4
    assert [c for c in knn.columns if not c.endswith((" low", " high"))][2:] == [
        *("all_same", "all_diff", "pos_same", "neg_same", "uniform")
    ]


def test_a_gap_has_no_number_in_any_file(entries: list[tuple[str, Result]]) -> None:
    processing = next(table for table in tables(entries) if table.name == "probe-processing")
    fourth = entries[-1][1].encoder
    frame = read(to_csv(processing)).set_index("encoder")
    assert pd.isna(frame.loc[fourth, "probe-sharpening-imagenet"])
    row = next(line for line in to_tex(processing).splitlines() if line.startswith(fourth.removeprefix("paper:")))
    assert row.removesuffix(r" \\").split(" & ")[4] == "--"


# --- strangers' texts


@given(st.text())
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    assert cell(text)[:1] not in set("=+-@\t\r")
    assert cell(text).isprintable()


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40))
def test_latex_finds_no_command_in_a_text(text: str) -> None:
    escaped = tex(text)
    harmless = re.sub(r"\\text[a-z]+\{\}|\\ldots\{\}|\\lbrack\{\}|\\[&%$#_{}]", "", escaped)
    assert not set(harmless) & set("\\{}$&#_^~%[*")


def test_hostile_names_in_both_formats() -> None:
    table = Table(
        name="t",
        title="t",
        caption="100%\n\\input{x}",
        columns=(Column(name="encoder", title="A & B", is_metric=False), Column(name="=1", title="50% of_it")),
        cells=(("=HYPERLINK(1)", Point(encoder="e", family="", value=0.5)), ("a\n\\end{tabular}\u202e", "x")),
        published=(("paper:clip/x_y", 0.25),),
    )
    frame = read(to_csv(table))
    assert list(frame.iloc[:, 0]) == ["'=HYPERLINK(1)", "a \\end{tabular}", "paper: paper:clip/x_y"]
    assert list(frame.columns[1:]) == ["'=1", "'=1 low", "'=1 high"]
    assert to_tex(table).splitlines() == [
        r"% 100% \input{x}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"A \& B & 50\% of\_it \\",
        r"\midrule",
        r"=HYPERLINK(1) & 50.0 \\",
        r"a \textbackslash{}end\{tabular\} & x \\",
        r"\midrule",
        r"\textit{paper: clip/x\_y} & \textit{25.0} \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


# --- the paper's numbers


def neighbors(dataset: str = "FlickrExif") -> Result:
    return Result(
        task="neighbors",
        encoder="e",
        family=None,
        dataset=dataset,
        origin="",
        attribute="is_smartphone",
        metrics={},
        settings={},
        n={"photos": 1_000},
    )


def test_the_papers_table_2_is_told_for_its_own_data_set_alone() -> None:
    shares = [dict(published(neighbors(), k)) for k in ("10", "25", "50")]
    assert {name: tuple(100 * column[name] for column in shares) for name in shares[0]} == {
        name: pytest.approx(values) for name, values in TABLE_2.items()
    }
    assert published(neighbors("other"), "10") == []


def test_every_encoder_that_the_paper_names_is_known() -> None:
    from flickrexif.eval.encoders.registry import registered_encoders

    assert {number.encoder for number in paper_numbers() if number.encoder} <= registered_encoders().keys()


def test_levels_need_the_papers_mask() -> None:
    about = {"task": "probe", "encoder": "e", "family": "CVL", "dataset": "FlickrExif", "origin": "",
             "attribute": "Is Smartphone", "n": {"test": 1_000}}  # fmt: skip
    masked = Result(**about, metrics={"accuracy": 0.5}, settings={"mask": 0.9})
    assert published(masked, "accuracy") == [("most CVL encoders over", 0.7)]
    assert published(replace(masked, settings={}), "accuracy") == []


# --- records that cannot be shown


def put(folder: Path, entries: list[tuple[str, Result]]) -> Path:
    for path, result in entries:
        write_result(folder / path, result)
    return folder


def test_files_that_are_no_records_are_named_and_the_others_kept(
    tmp_path: Path, entries: list[tuple[str, Result]]
) -> None:
    folder = put(tmp_path / "results", entries[:60])
    (folder / "broken.json").write_text("{")
    (folder / "odd.json").write_text(json.dumps({"schema_version": 1, "task": "probe"}))
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    read_back = read_records(folder)
    assert {path for path, _ in read_back.entries} == {path for path, _ in entries[:60]}
    assert [path for path, _ in read_back.unreadable] == ["broken.json", "bytes.json", "odd.json"]
    assert "`encoder`: " in read_back.unreadable[2][1]
    assert str(tmp_path) not in " ".join(why for _, why in read_back.unreadable)


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("similarity", {"edges": "x"}),
    ("similarity", {"edges": [0, 1]}),
    ("similarity", {"averaged": 3}),
    ("similarity", {"averaged": {"same_class_same_metadata": [1.0]}}),
    ("similarity", {"averaged": {"same_class_same_metadata": [1.0] + [None] * 199}}),
    ("tsne", {"x": [1.0]}),
    ("tsne", {"classes": ["a"]}),
    ("tsne", {"x": [1.0], "y": [None], "label": [0]}),
    ("tsne", {"x": [1.0], "y": [1.0], "label": [-1]}),
    ("strips", {"queries": [{"id": "a"}]}),
    ("strips", {"queries": 3}),
]


@pytest.mark.parametrize(("task", "changed"), BROKEN)
def test_records_whose_details_are_not_right_are_named(
    tmp_path: Path, entries: list[tuple[str, Result]], task: str, changed: dict[str, Any]
) -> None:
    path, *others = (path for path, result in entries if result.task == task)
    put(tmp_path, [entry for entry in entries if entry[0] in (path, *others)])
    record = json.loads((tmp_path / path).read_text())
    (tmp_path / path).write_text(json.dumps(record | {"detail": record["detail"] | changed}))
    read_back = read_records(tmp_path)
    ((where, why),) = read_back.unreadable
    assert where == path
    assert "has no usable detail" in why
    assert sorted(where for where, _ in read_back.entries) == sorted(others)


def test_records_of_other_bins_have_a_figure_of_their_own(entries: list[tuple[str, Result]]) -> None:
    similar = [e for e in entries if (e[1].task, e[1].parameter, e[1].dataset) == ("similarity", "jpeg", "ImageNet")]
    (first, second) = similar[:2]
    detail = replace(second[1].detail, edges=[edge / 2 for edge in second[1].detail.edges])
    moved = second[0], replace(second[1], family="SSL", detail=detail)
    assert [figure.records for figure in figures([first, moved])] == [(first[0],), (moved[0],)]


@pytest.mark.parametrize("kind", ["no folder", "empty", "broken"])
def test_nothing_to_report_is_one_sentence_and_what_to_type(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "results"
    if kind != "no folder":
        folder.mkdir()
    if kind == "broken":
        (folder / "x.json").write_text("[]")
        with pytest.raises(FlickrExifError, match=r"None of the files in .* can be shown. .*is no result record"):
            read_records(folder)
        return
    with pytest.raises(UsageError) as raised:
        read_records(folder)
    assert "flickrexif eval all" in raised.value.hint


def test_banners_name_what_is_not_from_flickr() -> None:
    def of(**origins: str) -> list[str]:
        return banners(
            (name, Result(task="probe", encoder="e", family=None, dataset=name, origin=origin, metrics={}, settings={}))
            for name, origin in origins.items()
        )

    assert of(d="sandbox:simulated") == [SIMULATED.format("d")]
    assert of(d="sandbox:photos") == [NOT_FLICKR.format("d")]
    assert of(d="flickr") == of(d="") == of(d="x") == []
    mixed = of(b="simulated", real="flickr", served="sandbox:photos", other="", a="sandbox:simulated")
    assert mixed == [SIMULATED.format("a, b"), NOT_FLICKR.format("served")]
    assert mixed[0].startswith("SIMULATED DATA (a, b): ")
    (hostile,) = banners([
        ("p", Result(task="probe", encoder="e", family=None, dataset="{}\u202e" + "x" * 900, metrics={},
                     settings={}, origin="simulated"))
    ])  # fmt: skip
    assert hostile.isprintable()
    assert len(hostile) < 200


def test_encoders_that_the_paper_does_not_name_are_told() -> None:
    assert inferred() == [
        ("SigLIP ViT-B/16", "paper:siglip/base_256"),
        ("ConvNeXt-L", "paper:convnext/large"),
        ("ViT-H/14", "paper:vit/huge_patch14_224"),
    ]
