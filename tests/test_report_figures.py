"""Which figures records give: every number is its record's, gaps have reasons, strangers' text is harmless."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.measure.strips import Neighbor, Query, StripsDetail
from flickrexif.eval.measure.tsne import TsneDetail
from flickrexif.eval.report.charts import charted, tables
from flickrexif.eval.report.charts.knn import SETUPS
from flickrexif.eval.report.charts.mitigation import MITIGATIONS
from flickrexif.eval.report.charts.similarity import PAIRS
from flickrexif.eval.report.identity import slug
from flickrexif.eval.report.pictures import Key, Picture, with_pictures
from flickrexif.eval.report.select import replaced_entries, used_entries
from flickrexif.eval.report.spec import (
    Cloud,
    Distributions,
    Figure,
    Lines,
    Multiples,
    Pairwise,
    Point,
    Rows,
    Strips,
)
from flickrexif.eval.report.style import plain
from flickrexif.eval.results import Result, from_json, to_json
from tests.report_records import RATIOS, encoders, figures, of, records, together

RECORDS = records(47, points=120)
BY_PATH = dict(RECORDS)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {figure.name: figure for figure in figures(RECORDS)}


def points_of(figure: Figure) -> Iterator[Point]:
    """All points of a figure, with the paper's ones left out."""
    match figure.content:
        case Rows(series=series) | Lines(series=series):
            for line in series:
                yield from line.points
        case Pairwise(x=x, y=y):
            yield from (*x, *y)


def probe(path: str = "a/probe.json", encoder: str = "lite0", **changes: Any) -> tuple[str, Result]:
    """A record of a probe with some fields changed."""
    result = BY_PATH["paper_clip_ViT-B-16/probe-ImageNet-jpeg.json"]
    return path, replace(result, encoder=encoder, **changes)


def test_generated_records_are_records() -> None:
    for _, result in RECORDS[:60]:
        assert from_json(to_json(result)) == from_json(to_json(from_json(to_json(result))))
    assert {result.task for _, result in RECORDS} == {
        "probe", "knn", "retrieval", "neighbors", "similarity", "masking", "mitigation", "tsne", "strips"
    }  # fmt: skip
    assert records(2) == records(2) != records(2, seed=1)


def test_every_measurement_has_its_figure(drawn: dict[str, Figure]) -> None:
    kinds = Counter(type(figure.content) for figure in drawn.values())
    bars = [f for f in drawn.values() if isinstance(f.content, Rows) and f.content.as_bars]
    assert len(bars) == 16
    assert kinds == {Rows: 16 + 8 + 1 + 16, Distributions: 8, Lines: 1, Cloud: 3, Pairwise: 1, Strips: 6}
    assert {figure.paper for figure in drawn.values()} - {""} == {
        "Fig. 2", "Fig. 4", "Fig. 5", "Fig. 6", "Fig. 7", "Fig. 8", "Fig. 9", "Fig. 10", "Table 2"
    }  # fmt: skip


def test_every_number_is_one_of_its_record(drawn: dict[str, Figure]) -> None:
    seen = 0
    for figure in drawn.values():
        for point in points_of(figure):
            result = BY_PATH[point.record]
            assert point.record in figure.records
            assert (point.encoder, point.family) == (result.encoder, result.family)
            assert point.value in set(result.metrics.values())
            if point.low is not None:
                assert (point.low, point.high) in set(result.intervals.values())
            seen += 1
    assert seen == 47 * (16 + 8 * 5 + 3 + 8 * 2 * 4 + len(RATIOS) + 2)


@pytest.mark.parametrize(
    ("name", "task", "metrics"),
    [
        ("setups-jpeg-imagenet", "knn-ImageNet-jpeg", ["all_same", "all_diff", "pos_same", "neg_same", "uniform"]),
        ("neighbors-is-smartphone-flickrexif", "neighbors", ["10", "25", "50"]),
        (
            "mitigation-resizing-imagenet-accuracy",
            "mitigation-ImageNet-resizing",
            ["none.accuracy", "centring.accuracy", "leace.accuracy", "averaging.accuracy"],
        ),
    ],
)
def test_each_series_shows_its_metric(drawn: dict[str, Figure], name: str, task: str, metrics: list[str]) -> None:
    content = drawn[name].content
    assert isinstance(content, Rows)
    for series, metric in zip(content.series, metrics, strict=True):
        expected = {r.encoder: r.metrics[metric] for path, r in RECORDS if path.endswith(f"/{task}.json")}
        assert {point.encoder: point.value for point in series.points} == expected


def test_the_axes_of_recall_and_masks_are_the_metrics(drawn: dict[str, Figure]) -> None:
    recall = drawn["retrieval-paircams"].content
    assert isinstance(recall, Pairwise)
    for x, y in zip(recall.x, recall.y, strict=True):
        metrics = BY_PATH[x.record].metrics
        assert (x.value, y.value) == (metrics["different"], metrics["same"])
    masks = drawn["masking-imagenet"].content
    assert isinstance(masks, Lines)
    assert masks.x == RATIOS
    for series in masks.series:
        metrics = BY_PATH[series.points[0].record].metrics
        assert [point.value for point in series.points] == [metrics[f"{ratio:g}"] for ratio in RATIOS]


def test_chance_is_the_records_or_none_where_they_differ(drawn: dict[str, Figure]) -> None:
    chances = {name: f.content.chance for name, f in drawn.items() if isinstance(f.content, Rows)}
    assert chances["probe-jpeg-imagenet"] == 1 / 6
    assert chances["probe-model-flickrexif-mask-0.9"] == 1 / 88
    assert chances["neighbors-is-smartphone-flickrexif"] == 0.5003
    assert chances["mitigation-interpolation-imagenet-accuracy"] == 0.25
    assert chances["mitigation-interpolation-imagenet-all-same"] is chances["setups-jpeg-imagenet"] is None
    other = probe("b", "other", metrics={"accuracy": 0.5, "chance": 0.25})
    (figure,) = figures([probe(), other])
    assert isinstance(figure.content, Rows)
    assert figure.content.chance is None


def test_encoders_stand_by_family_then_name(drawn: dict[str, Figure]) -> None:
    content = drawn["probe-make-flickrexif-mask-0.9"].content
    assert isinstance(content, Rows)
    names = [name for family in ("CVL", "SUP", "SSL") for name in sorted(
        (n for n, f in encoders(47) if f == family), key=str.casefold)]  # fmt: skip
    assert [point.encoder for point in content.points] == names
    others = [probe(str(n), f"e{n}", family=f) for n, f in enumerate([None, "OWN", "CTL", "SSL", "SUP", "CVL", "xyz"])]
    (figure,) = figures(others)
    assert [p.family for p in points_of(figure)] == ["CVL", "SUP", "SSL", "CTL", "OWN", "", ""]


def test_the_last_record_by_path_is_used() -> None:
    old, new = (
        probe(path, metrics={"accuracy": a, "chance": 1 / 6}) for path, a in (("a/9.json", 0.2), ("b/1.json", 0.8))
    )
    for order in ([old, new], [new, old]):
        (figure,) = figures(order)
        assert [(p.value, p.record) for p in points_of(figure)] == [(0.8, "b/1.json")]
        assert used_entries(order) == [new]
        assert replaced_entries(order, used_entries(order)) == [("a/9.json", "b/1.json")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"mask": 0.5}, "50% masked"), ({"protocol": "fast"}, "fast protocol"), ({"mask": 0}, None), ({}, None)],
)
def test_another_mask_or_protocol_is_another_measurement(settings: dict[str, Any], said: str | None) -> None:
    usual = probe("a")
    other = probe("b", settings={**usual[1].settings, **settings})
    drawn = figures([usual, other])
    assert len(drawn) == len({figure.name for figure in drawn}) == (1 if said is None else 2)
    if said:
        assert said in next(figure.title for figure in drawn if figure.records == ("b",))


def test_a_null_metric_is_a_gap_with_its_reason(drawn: dict[str, Figure]) -> None:
    figure = drawn["probe-sharpening-imagenet"]
    (gap,) = [point for point in points_of(figure) if point.value is None]
    assert (gap.encoder, gap.reason, gap.low) == ("paper:clip/ViT-L-14@336px", "every trial diverged", None)
    assert "No number for clip/ViT-L-14@336px (every trial diverged)." in figure.caption
    assert "46 encoders" in figure.alt


def test_a_failed_task_is_a_gap_in_every_figure_of_it() -> None:
    failed = Result(task="knn", encoder="e", family="OWN", dataset="d", origin="", parameter="jpeg", metrics={},
                    settings={}, state="failed", reason="no file")  # fmt: skip
    for task, kind in (("knn", "setups-jpeg-imagenet"), ("mitigation", "mitigation-jpeg-imagenet-accuracy")):
        measured = [(path, result) for path, result in RECORDS if path.endswith(f"/{task}-ImageNet-jpeg.json")][:2]
        by_name = {f.name: f for f in figures([*measured, ("p", replace(failed, task=task, dataset="ImageNet"))])}
        mine = [point for point in points_of(by_name[kind]) if point.encoder == "e"]
        assert mine
        assert {(point.value, point.reason) for point in mine} == {(None, "no file")}


@pytest.mark.parametrize(
    ("task", "section", "title"),
    [
        ("probe", "Processing", "Linear probe"),
        ("knn", "Semantics", "Five set-ups"),
        ("similarity", "Semantics", "Similarities by class and processing"),
        ("masking", "Acquisition", "kNN accuracy under a centred mask"),
        ("neighbors", "Neighbours", "Neighbours of the same kind"),
        ("retrieval", "Neighbours", "Pairs"),
        ("tsne", "Acquisition", "t-SNE"),
        ("strips", "Neighbours", "Nearest neighbours"),
        ("mitigation", "Mitigation", "After mitigation"),
    ],
)
def test_what_no_encoder_has_a_number_of_is_told_and_not_drawn(task: str, section: str, title: str) -> None:
    metrics = dict.fromkeys(MEASUREMENTS[task].headlines)
    failed = [
        (name, Result(task=task, encoder=name, family="OWN", dataset="d", origin="", parameter="jpeg", metrics=metrics,
                      settings={}, state="not possible", reason=f"no file {name in 'ab'}"))
        for name in "abc"
    ]  # fmt: skip
    assert figures(failed) == []
    assert tables(failed) == []
    assert [tuple(gap) for gap in charted(failed).unmeasured] == [
        (section, f"{title}: JPEG compression on d", ("no file True", "no file False"))
    ]


@pytest.mark.parametrize("task", MEASUREMENTS)
def test_a_failed_record_without_a_reason_is_a_gap_too(task: str) -> None:
    failed = Result(
        task=task, encoder="e", family="OWN", dataset="d", origin="", metrics={}, settings={}, state="failed"
    )
    ((_, _, reasons),) = charted([("p", failed)]).unmeasured
    assert reasons == ("failed",)


def test_what_one_encoder_has_a_number_of_is_measured() -> None:
    assert charted(RECORDS).unmeasured == []


def cloud_of(label: list[int], classes: list[str]) -> TsneDetail:
    at = [float(place) for place in range(len(label))]
    return TsneDetail(x=at, y=at, label=label, classes=classes, left_out={})


@pytest.mark.parametrize("attribute", ["is_smartphone", "Is Smartphone"])
def test_smart_or_not_is_told_in_words(attribute: str) -> None:
    detail = cloud_of([0, 1, 1], ["False", "True"])
    about: dict[str, Any] = {
        "encoder": "e", "family": "OWN", "dataset": "d", "origin": "", "metrics": {}, "settings": {}
    }  # fmt: skip
    cloud = Result(task="tsne", attribute=attribute, detail=detail, **about)
    (figure,) = figures([("p", cloud)])
    assert isinstance(figure.content, Cloud)
    assert figure.content.labels == ("non-smart", "smart", "smart")
    assert "1 non-smart, 2 smart" in figure.alt
    near = Neighbor(id="2", label="False", variant=None, same=False, similarity=0.5)
    strips = StripsDetail(queries=[Query(id="1", label="True", variant=None, neighbors=[near])], left_out={})
    (figure,) = figures([("p", Result(task="strips", attribute=attribute, detail=strips, **about))])
    assert isinstance(figure.content, Strips)
    assert [(shot.badge, shot.label) for shot in figure.content.rows[0]] == [("smart",) * 2, ("non-smart",) * 2]
    (figure,) = figures([("p", replace(cloud, attribute="Flash"))])  # another attribute's True is not smart
    assert isinstance(figure.content, Cloud)
    assert set(figure.content.labels) == {"False", "True"}


def test_alt_texts_tell_the_finding(drawn: dict[str, Figure]) -> None:
    figure = drawn["probe-jpeg-imagenet"]
    accuracies = {r.encoder: r.metrics["accuracy"] for p, r in RECORDS if p.endswith("/probe-ImageNet-jpeg.json")}
    lowest = min(accuracies, key=lambda encoder: accuracies[encoder] or 0)
    assert f"from {accuracies[lowest]:.1%} ({lowest.removeprefix('paper:')})" in figure.alt
    cvl = [accuracies[name] for name, family in encoders(47) if family == "CVL"]
    assert f"CVL {np.median(cvl):.1%}" in figure.alt
    assert figure.alt.endswith("Chance: 16.7%.")
    assert all(figure.alt and figure.caption for figure in drawn.values())


def test_one_encoder_stands_for_its_family(drawn: dict[str, Figure]) -> None:
    figure = drawn["similarity-jpeg-imagenet"]
    assert isinstance(figure.content, Distributions)
    shown = ["clip/ViT-L-14@336px", "convnext/large", "dinov2/vitl14"]
    assert [panel.encoder for panel in figure.content.panels] == [f"paper:{name}" for name in shown]
    assert f"({', '.join(shown)}); 44 more were measured." in figure.caption


def test_distributions_keep_their_shares(drawn: dict[str, Figure]) -> None:
    figure = drawn["similarity-jpeg-imagenet"]
    assert isinstance(figure.content, Distributions)
    edges = np.array(figure.content.edges)
    for path, panel in zip(figure.records, figure.content.panels, strict=True):
        detail = BY_PATH[path].detail
        for (_, shares), name in zip(panel.shares, detail.averaged, strict=True):
            assert sum(shares) == pytest.approx(1, abs=0.01)
            mean = (np.array(shares) * (edges[:-1] + edges[1:]) / 2).sum()
            assert mean == pytest.approx(BY_PATH[path].metrics[name], abs=0.01)


def test_a_group_without_pairs_is_left_out() -> None:
    path, result = next(entry for entry in RECORDS if entry[1].task == "similarity")
    averaged = {**result.detail.averaged, "same_class_same_metadata": [None] * 200}
    (figure,) = figures([(path, replace(result, detail=replace(result.detail, averaged=averaged)))])
    assert isinstance(figure.content, Distributions)
    assert [name for name, _ in figure.content.panels[0].shares] == list(PAIRS.values())[1:]


def test_the_alt_text_of_a_cloud_counts_its_neighbours(drawn: dict[str, Figure]) -> None:
    figure = drawn["tsne-is-smartphone-flickrexif-convnext-large"]
    assert isinstance(figure.content, Cloud)
    labels = np.array(figure.content.labels)
    detail = BY_PATH[figure.records[0]].detail
    assert detail.classes == ["False", "True"]
    assert (labels == np.array(["non-smart", "smart"])[detail.label]).all()
    at = np.array([detail.x, detail.y]).T
    near = NearestNeighbors(n_neighbors=11).fit(at).kneighbors(at, return_distance=False)[:, 1:]
    assert f"In the plane {(labels[near] == labels[:, None]).mean():.1%} of the 10 nearest" in figure.alt


def test_rare_labels_of_a_cloud_are_others() -> None:
    label = [n for n in range(9) for _ in range(10 - n)]
    cloud = Result(task="tsne", encoder="e", family="OWN", dataset="d", origin="", metrics={}, settings={},
                   detail=cloud_of(label, list("abcdefghi")))  # fmt: skip
    (figure,) = figures([("p", cloud)])
    assert isinstance(figure.content, Cloud)
    assert Counter(figure.content.labels) == {"a": 10, "b": 9, "c": 8, "d": 7, "other": 6 + 5 + 4 + 3 + 2}


def test_strips_show_the_neighbours_in_their_order() -> None:
    path, result = next(entry for entry in RECORDS if entry[0].endswith("/strips-jpeg.json"))
    (bare,) = figures([(path, result)])
    assert isinstance(bare.content, Strips)
    pictures = {
        Key("ImageNet", shot.image_id, shot.badge): Picture(
            jpeg=shot.image_id.encode(), attribution="by A", page_url="https://x.org"
        )
        for shot in bare.content.shots
    }
    figure = with_pictures(bare, pictures)
    assert isinstance(figure.content, Strips)
    for row, query in zip(figure.content.rows, result.detail.queries, strict=True):
        assert (row[0].image_id, row[0].same, row[0].similarity) == (query.id, None, None)
        assert [(s.image_id, s.same, s.similarity, s.badge, s.label) for s in row[1:]] == [
            (n.id, n.same, n.similarity, n.variant, n.label) for n in query.neighbors
        ]
        assert all(shot.jpeg == shot.image_id.encode() and shot.attribution == "by A" for shot in row)
    assert figure.title.endswith(": JPEG compression on ImageNet")
    assert "names stand in their place" not in figure.caption
    assert "names stand in their place" in with_pictures(bare, {}).caption


def test_strangers_text_is_bounded_and_on_one_line() -> None:
    hostile = "\u202eevil\n<b>" + "x" * 500
    bad = probe(
        "p", hostile, dataset=hostile, parameter=None, attribute=hostile, metrics={"accuracy": None, "chance": 0.5},
        reason=hostile,
    )  # fmt: skip
    (gap,) = charted([bad]).unmeasured
    for text in (gap.title, *gap.reasons):
        assert text.isprintable()
        assert len(text) < 300
    fine = probe("q", dataset=hostile, parameter=None, attribute=hostile)
    (figure,) = figures([bad, fine])
    for text in (figure.title, figure.caption, figure.alt, figure.y_label):
        assert text.isprintable()
        assert len(text) < 800
    assert len(figure.name) <= 90
    assert set(figure.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


def test_figures_with_the_same_slug_have_names_of_their_own() -> None:
    drawn = figures([probe("a", dataset="A b"), probe("b", dataset="A/b"), probe("c", dataset="A-b")])
    assert sorted(figure.name for figure in drawn) == ["probe-jpeg-a-b", "probe-jpeg-a-b-2", "probe-jpeg-a-b-3"]
    assert slug("../..", "Ünï") not in ("", ".", "..")
    assert slug("///") == "figure"


def test_the_order_of_the_records_changes_nothing(drawn: dict[str, Figure]) -> None:
    shuffled = list(RECORDS)
    Random(1).shuffle(shuffled)
    assert figures(shuffled) == list(drawn.values())


def test_the_papers_numbers_stand_beside_ours(drawn: dict[str, Figure]) -> None:
    bars, dots = drawn["probe-jpeg-imagenet"].content, drawn["neighbors-is-smartphone-flickrexif"].content
    assert isinstance(bars, Rows)
    assert bars.series[0].published == (("CVL encoders over", 0.8),)
    assert isinstance(dots, Rows)
    assert [dict(series.published)["paper:clip/ViT-L-14@336px"] for series in dots.series] == [0.701, 0.691, 0.676]


def test_names_are_those_of_the_measurements() -> None:
    import torch

    from flickrexif.eval.measure import knn, similarity
    from flickrexif.eval.measure.mitigation import leace, mitigations

    assert SETUPS == knn.SETUPS
    assert tuple(PAIRS) == similarity.GROUPS
    train = [torch.randn(40, 3, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    assert tuple(mitigations(train, leace(train))) == MITIGATIONS


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, flickrexif.eval.report.render.plots; import flickrexif.eval.report.render.files; "
        "print(json.dumps(sorted({'vl_convert', 'numpy', 'PIL', 'torch', 'pandas'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@given(st.text(), st.integers(2, 60))
def test_plain_text_is_bounded_printable_and_keeps_its_ends(text: str, length: int) -> None:
    shown = plain(text, length)
    assert len(shown) <= length
    assert shown.isprintable()
    if len(text) <= length and text.isprintable() and text == " ".join(text.split()):
        assert shown == text
    assert plain("a" * 30 + text + "z" * 30, 20)[::19] == "az"


# --- processings side by side


SIDE_BY_SIDE = {"probe-imagenet": "probe-ImageNet", "setups-inaturalist-k-1": "knn-iNaturalist",
                "mitigation-imagenet-accuracy": "mitigation-ImageNet"}  # fmt: skip


@pytest.mark.parametrize(("name", "task"), SIDE_BY_SIDE.items())
def test_the_processings_of_a_data_set_stand_side_by_side(name: str, task: str) -> None:
    figure = together(RECORDS)[name]
    assert isinstance(figure.content, Multiples)
    panels = dict(figure.content.panels)
    assert list(panels) == ["JPEG compression", "Sharpening", "Resizing", "Interpolation"]
    assert len({tuple(rows.encoders) for rows in panels.values()}) == 1
    for parameter, rows in zip(("jpeg", "sharpening", "resizing", "interpolation"), panels.values(), strict=True):
        metrics = {r.encoder: r.metrics for path, r in RECORDS if path.endswith(f"/{task}-{parameter}.json")}
        for point in rows.points:
            assert point.value in metrics[point.encoder].values()
            assert "training and" in point.n
    assert figure.caption.count("test images)") == 1


def test_an_encoder_that_lacks_one_processing_keeps_its_row_and_one_without_any_stands_below() -> None:
    chosen = [entry for entry in of(3) if entry[1].task == "probe" and entry[1].parameter]
    names = sorted({result.encoder for _, result in chosen})
    lacks, fails = names[0], names[1]
    entries = [(path, replace(r, metrics=dict.fromkeys(r.metrics), reason="no memory") if r.encoder == fails else r)
               for path, r in chosen if not (r.encoder == lacks and r.parameter == "jpeg")]  # fmt: skip
    content = together(entries)["probe-imagenet"].content
    assert isinstance(content, Multiples)
    for label, rows in content.panels:
        assert rows.encoders == [*(name for name in rows.encoders if name != fails), fails]
        point = next(point for point in rows.points if point.encoder == lacks)
        assert (point.value is None) is (label == "JPEG compression")
        assert point.reason == ("not measured" if point.value is None else "")


def test_one_processing_alone_has_a_figure_of_its_own() -> None:
    assert isinstance(together([probe()])["probe-jpeg-imagenet"].content, Rows)
    failed = probe("b/probe.json", parameter="resizing", metrics={"accuracy": None}, reason="diverged")
    charts = charted([probe(), failed])
    assert [type(figure.content) for figure in charts.figures] == [Rows]
    assert [gap.reasons for gap in charts.unmeasured] == [("diverged",)]
