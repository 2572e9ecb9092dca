"""A measurement and its chart are one entry each: a report shows its figure, its table row and its numbers."""

import ast
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure import MEASUREMENTS, read_result
from flickrexif.eval.measure.base import Inputs, Measurement, Need, Outcome
from flickrexif.eval.report import spec
from flickrexif.eval.report.build import write_report
from flickrexif.eval.report.charts import CHARTS
from flickrexif.eval.report.charts.base import Chart, Part, is_whole, metrics_table
from flickrexif.eval.report.groups import Group
from flickrexif.eval.report.spec import PHOTOS, Figure, Rows
from flickrexif.eval.results import Result, write_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """The detail of the toy."""

    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm(Measurement):
    """How long embeddings are."""

    task = "norm"
    section = "Lengths"
    headlines = ("mean",)
    decisive = ("power",)
    Detail = Norms

    power: int = 2

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple["Norm", str]]:
        yield cls(), data.lack

    def needs(self) -> tuple[Need, ...]:
        return (Need(),)

    def measure(self, inputs: Inputs) -> Outcome:
        lengths = inputs.only.embeddings.image_embeddings.norm(dim=1, p=self.power)
        return Outcome(metrics={"mean": float(lengths.mean())}, detail=Norms(longest=float(lengths.max())))


def figures(group: Group) -> Iterator[Figure]:
    longest = max(result.detail.longest for result in group.results if result.detail)
    yield Figure(
        name=group.name("norm"),
        title=f"Length of embeddings of {group.where}",
        caption=f"At most {longest}.",
        alt="They are short.",
        content=Rows(series=(group.series("mean", "value"),), as_bars=True),
        records=group.paths,
    )


CHART = Chart(
    title="Lengths",
    figures=figures,
    tables=lambda groups: [
        metrics_table(group, [("mean", "mean length")], "Lengths", on_page=True) for group in groups
    ],
    parts=(Part("length", "Length", "mean", "How long.", is_whole, ("mean",), lambda _: 0.0),),
)


def norm(encoder: str, mean: float, power: int = 2) -> Result:
    return Result(
        task="norm", encoder=encoder, family="OWN", dataset="D", origin="flickr", metrics={"mean": mean},
        n={"photos": 100}, detail=Norms(longest=0.875), settings={"mask": 0, "power": power},
    )  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> Path:
    for number, result in enumerate((norm("a", 0.25), norm("b", 0.75), norm("a", 0.5, power=3))):
        write_result(tmp_path / "results" / f"{number}.json", result)
    return tmp_path / "results"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_measurement_and_its_chart_are_one_entry_each(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASUREMENTS, "norm", Norm)
    monkeypatch.setitem(CHARTS, "norm", CHART)
    assert read_result(records / "0.json").detail == Norms(longest=0.875)
    out = records.parent / "report"
    report = write_report(records, out, formats=("svg",))
    page = (out / "index.html").read_text("utf-8")
    sections = re.findall(r'<h2 id="section-(.*)-title">', page)
    assert sections == ["Lengths"]
    for title in ("Length of embeddings of D", "Length of embeddings of D, power = 3"):
        assert f"<bdi>{title}</bdi>" in page
    assert "At most 0.875." in page
    for kind in ("figures/norm-d.svg", "figures/norm-d-power-3.svg", "tables/norm-d.tex"):
        assert (out / kind).is_file()
    assert [(row["encoder"], row["mean"]) for row in rows(out / "tables/norm-d.csv")] == [("a", "0.25"), ("b", "0.75")]
    for kind, columns in (("numbers", ["Encoder", "Family", "value"]), ("table", ["Encoder", "Family", "mean length"])):
        (text,) = re.findall(rf'id="data-{kind}-norm-d">(.*?)</script>', page)
        table = json.loads(text)
        assert [title for title, *_ in table["columns"]] == columns
        assert [(row[0], row[2][0]) for row in table["rows"]] == [("a", 0.25), ("b", 0.75)]
    assert [column.name for column in report.leaderboard.columns][4:] == ["length", "measured"]


def test_a_record_without_a_chart_stands_among_the_numbers(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASUREMENTS, "norm", Norm)
    out = records.parent / "report"
    report = write_report(records, out, formats=())
    assert (report.records, report.unreadable) == (3, [])
    numbers = {row["record"]: (row["task"], row["encoder"], row["value"]) for row in rows(out / "tables/numbers.csv")}
    assert numbers == {
        "0.json": ("norm", "a", "0.25"), "1.json": ("norm", "b", "0.75"), "2.json": ("norm", "a", "0.5")
    }  # fmt: skip
    page = (out / "index.html").read_text("utf-8")
    assert '<section id="section-' not in page
    assert '"0.json"' in page  # among the sources


def test_a_record_of_an_unknown_measurement_is_shown_too(records: Path) -> None:
    report = write_report(records, records.parent / "report", formats=())
    assert (report.records, report.unreadable) == (3, [])
    tasks = {row["task"] for row in rows(records.parent / "report/tables/numbers.csv")}
    assert tasks == {"norm"}


def test_no_task_is_named_outside_of_its_chart() -> None:
    report = Path(spec.__file__).parent
    for path in sorted({*report.rglob("*.py")} - {*(report / "charts").glob("*.py")}):
        named = {node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)}
        assert named & MEASUREMENTS.keys() <= ({PHOTOS} if path.name == "spec.py" else set()), path.name
