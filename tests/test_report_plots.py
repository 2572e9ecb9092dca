"""The charts: Vega-Lite takes them, they show the records' numbers, and strangers' names are inert in a browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair
import numpy as np
import pytest

from flickrexif.core import drawing
from flickrexif.core.drawing import Spec
from flickrexif.eval.report.render.page import on_page, to_json
from flickrexif.eval.report.render.plots import specification
from flickrexif.eval.report.spec import (
    Distributions,
    Figure,
    Lines,
    Multiples,
    Overview,
    Pairwise,
    Point,
    Rows,
    Series,
    Strip,
    Strips,
)
from flickrexif.eval.report.style import FAMILIES, SERIES, corners_of, short
from tests.browser import visit
from tests.report_records import figures, records, with_published

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RECORDS = records(47, points=2000)
HOSTILE = "<b>bold</b> <a href='javascript:alert(1)'>x</a>&lt;i&gt; ${x} $\\alpha$ '+datum.value+'"
PUBLISHED = (("paper:clip/RN50", 0.61803), ("paper:no/such", 0.3), ("most CVL", 0.8))  # there, not there, a level


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    by_name = {figure.name: with_published(figure, PUBLISHED, "k = 10") for figure in figures(RECORDS)}
    bars, dots = (
        tuple((figure.title, figure.content) for name, figure in by_name.items() if re.match(kind, name))[:4]
        for kind in ("probe-.*-imagenet", "setups-.*-imagenet")
    )
    template = by_name["probe-jpeg-imagenet"]
    for name, panels in (("multiples-bars", bars), ("multiples-dots", dots)):
        by_name[name] = replace(template, name=name, content=Multiples(panels=panels))  # type: ignore[arg-type]
    by_name["overview"] = replace(template, name="overview", content=overview())
    return by_name


def overview() -> Overview:
    points = tuple(Point(encoder=f"e{n}", family=f, value=n / 10, low=n / 10 - 0.05, high=n / 10 + 0.05, n="90 images")
                   for n, f in enumerate(("CVL", "CVL", "SUP", "SSL", "OWN")))  # fmt: skip
    controls = (
        Point(encoder="control:dct", family="CTL", value=0.7),
        Point(encoder="control:no", family="CTL", value=None),
    )
    read = Strip(title="Processing read out", points=points, references=controls, chance=1 / 6)
    return Overview(strips=(read, replace(read, title="Neighbours moved", chance=None)))


@pytest.fixture(scope="module")
def specs(drawn: dict[str, Figure]) -> dict[str, Spec]:
    return {name: spec for name, figure in drawn.items() if (spec := specification(figure)) is not None}


def rows_of(spec: Spec, **fields: Any) -> list[dict[str, Any]]:
    return [row for row in spec["data"]["values"] if all(row.get(k) == v for k, v in fields.items())]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def texts_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_vega_lite_takes_every_chart(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    assert set(drawn) - set(specs) == {name for name, f in drawn.items() if isinstance(f.content, Strips)}
    for spec in specs.values():
        without_rows = spec | {"data": {"values": spec["data"]["values"][:3]}}
        altair.Root.validate(without_rows)  # raises for a property that Vega-Lite does not know


def test_bars_are_the_values_with_their_intervals(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    for name in ("probe-sharpening-imagenet", "probe-model-flickrexif-mask-0.9"):
        content = drawn[name].content
        assert isinstance(content, Rows)
        rows = {row["encoder"]: row for row in rows_of(specs[name])}
        assert len(rows) == len(content.points)
        for point in content.points:
            row = rows[short(point.encoder)]
            assert row["family"] == point.family
            for field in ("value", "low", "high"):
                expected = getattr(point, field)
                assert row.get(field) == (None if expected is None else pytest.approx(expected, abs=6e-5))


def test_bars_in_the_file_are_as_long_as_their_values(specs: dict[str, Spec]) -> None:
    spec = specs["probe-jpeg-imagenet"]
    svg = drawing.svg(spec)
    bars = [float(x) for x in re.findall(r'd="M0,[-\d.e]+h([\d.]+)v[\d.]+h-[\d.]+Z" fill="#', svg)]
    values = [row["value"] for row in rows_of(spec)]
    assert len(bars) == len(values) == 47
    assert np.corrcoef(sorted(bars), sorted(values))[0, 1] > 0.999999
    assert max(bars) / max(values) == pytest.approx(min(bars) / min(values), rel=1e-3)


def test_every_series_has_its_own_lane(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    content = drawn["setups-jpeg-imagenet"].content
    assert isinstance(content, Rows)
    svg = drawing.svg(specs["setups-jpeg-imagenet"])
    (group,) = re.findall(r'<g class="mark-symbol role-mark[^>]*>.*?</g>', svg)
    heights = sorted(float(y) for y in re.findall(r"translate\([\d.]+,([\d.]+)\)", group))
    assert len(heights) == 5 * 47
    assert min(b - a for a, b in pairwise(heights)) > 3


def test_chance_and_the_papers_numbers_are_drawn(specs: dict[str, Spec]) -> None:
    texts = texts_of(drawing.svg(specs["probe-jpeg-imagenet"]))
    assert "chance 16.7%" in texts
    assert "paper: most CVL 80.0%" in texts
    hollow = [row for row in _layer_rows(specs["probe-jpeg-imagenet"]) if "says" in row]
    assert [(row["encoder"], row["value"]) for row in hollow] == [("clip/RN50", 0.618)]
    assert "Hollow marks" in specs["probe-jpeg-imagenet"]["usermeta"]["note"]
    hollow = [row for row in _layer_rows(specs["neighbors-is-smartphone-flickrexif"]) if "says" in row]
    assert [row["value"] for row in hollow if row["series"] == "k = 10"] == [0.618]


def _layer_rows(spec: Spec) -> list[dict[str, Any]]:
    layers = [layer for view in spec["concat"] for layer in view["layer"]]
    return [row for layer in layers for row in layer.get("data", {}).get("values", ())]


def test_a_gap_is_told_with_its_reason_and_stands_below(specs: dict[str, Spec]) -> None:
    spec = specs["probe-sharpening-imagenet"]
    (gap,) = [row for row in rows_of(spec) if "value" not in row]
    assert (gap["encoder"], gap["reason"]) == ("clip/ViT-L-14@336px", "every trial diverged")
    assert gap["row"] > max(row["row"] for row in rows_of(spec) if "value" in row)
    assert "every trial diverged" in texts_of(drawing.svg(spec))


def test_dots_lines_and_pairs_are_the_values(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    dots = drawn["setups-jpeg-imagenet"].content
    assert isinstance(dots, Rows)
    for series in dots.series:
        rows = rows_of(specs["setups-jpeg-imagenet"], series=series.name)
        assert {r["encoder"]: r["value"] for r in rows} == {
            short(p.encoder): pytest.approx(p.value, abs=6e-5) for p in series.points
        }
    masks = drawn["masking-imagenet"].content
    assert isinstance(masks, Lines)
    for series in masks.series:
        rows = rows_of(specs["masking-imagenet"], encoder=short(series.name))
        assert [row["x"] for row in rows] == list(masks.x)
        assert [row["value"] for row in rows] == pytest.approx([p.value for p in series.points], abs=6e-5)
    pairs = drawn["retrieval-paircams"].content
    assert isinstance(pairs, Pairwise)
    rows = rows_of(specs["retrieval-paircams"])
    for x, y, row in zip(pairs.x, pairs.y, rows, strict=True):
        assert row["encoder"] == short(x.encoder)
        assert (row["x"], row["y"]) == (pytest.approx(x.value, abs=6e-5), pytest.approx(y.value, abs=6e-5))
        assert (row["xlow"], row["yhigh"]) == (pytest.approx(x.low, abs=6e-5), pytest.approx(y.high, abs=6e-5))
    assert len(specs["retrieval-paircams"]["concat"]) == 2


def test_multiples_and_strips_are_the_values(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    for name in ("multiples-bars", "multiples-dots"):
        content = drawn[name].content
        assert isinstance(content, Multiples)
        for view, (_, rows) in enumerate(content.panels):
            for series in rows.series:
                named = {"series": series.name} if len(rows.series) > 1 else {}
                shown = {row["encoder"]: row.get("value") for row in rows_of(specs[name], view=view, **named)}
                assert shown == {
                    short(p.encoder): None if p.value is None else pytest.approx(p.value, abs=6e-5)
                    for p in series.points
                }
    content = drawn["overview"].content
    assert isinstance(content, Overview)
    for view, strip in enumerate(content.strips):
        shown = {row["encoder"]: row["value"] for row in rows_of(specs["overview"], view=view)}
        assert shown == {p.encoder: pytest.approx(p.value) for p in strip.points}
    texts = texts_of(drawing.svg(specs["overview"]))
    assert {"chance 16.7%", "control:dct 70.0%", "Neighbours moved", "e4"} <= set(texts)
    assert not [text for text in texts if "control:no" in text]


def test_distributions_and_clouds_are_the_values(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    name = "similarity-jpeg-imagenet"
    content = drawn[name].content
    assert isinstance(content, Distributions)
    edges = np.array(content.edges)
    for view, panel in enumerate(content.panels):
        for series, shares in panel.shares:
            rows = rows_of(specs[name], view=view, series=series)
            assert [row["value"] for row in rows] == pytest.approx(shares, abs=6e-5)
            assert [row["x"] for row in rows] == pytest.approx((edges[:-1] + edges[1:]) / 2, abs=6e-4)
    result = dict(RECORDS)["paper_dinov2_vitl14/tsne.json"]
    rows = rows_of(specs["tsne-is-smartphone-flickrexif-dinov2-vitl14"])
    for side in ("x", "y"):
        places = [row[side] for row in rows]
        assert np.corrcoef(places, getattr(result.detail, side))[0, 1] > 0.9999
        assert 0 <= min(places) <= max(places) <= 1000
    labels = [row["series"] for row in rows]
    assert [label == "smart" for label in labels] == [bool(label) for label in result.detail.label]


def test_few_lines_are_named() -> None:
    (masks,) = [figure for figure in figures(records(3, points=10)) if isinstance(figure.content, Lines)]
    spec = specification(masks)
    assert spec is not None
    texts = texts_of(drawing.svg(spec))
    assert {"clip/ViT-B-16", "clip/ViT-B-32", "clip/ViT-L-14"} <= set(texts)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], (0.0, None)),
        ([(0.99, 0.9)] * 3, (0.9, None)),
        ([(0.3, 0.2)] * 4 + [(0.97, 0.93)] * 5, (0.2, 0.9)),
        ([(0.3, 0.21)] * 5 + [(0.97, 0.93)] * 4, (0.2, None)),
        ([(-0.1, 0.5), *[(1.0, 1.0)] * 9], (0.0, 0.95)),
    ],
)
def test_the_corner_holds_the_upper_half(
    pairs: list[tuple[float, float]], expected: tuple[float, float | None]
) -> None:
    assert corners_of(pairs) == expected


def test_all_charts_of_47_encoders_are_small(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    added = ("multiples-bars", "multiples-dots", "overview")
    assert len(to_json([on_page(spec) for name, spec in specs.items() if name not in added])) < 800_000


def test_no_text_of_a_record_is_part_of_an_expression() -> None:
    bad = [(f"<i>{path}", replace(r, encoder=HOSTILE + r.encoder, dataset=HOSTILE, reason=r.reason and HOSTILE))
           for path, r in records(4, points=20)]  # fmt: skip
    bad = [(path, replace(r, detail=replace(r.detail, classes=[HOSTILE, "other"])) if r.task == "tsne" else r)
           for path, r in bad]  # fmt: skip
    for figure in figures(bad):
        if spec := specification(with_published(figure, ((HOSTILE, 0.5),), "all-same")):
            assert "bold" not in json.dumps(list(expressions(spec)))
            drawing.svg(spec)


def expressions(value: Any) -> Iterator[str]:
    """The expressions of a specification, wherever Vega-Lite has them."""
    for item in value if isinstance(value, list) else ():
        yield from expressions(item)
    for name, item in value.items() if isinstance(value, dict) else ():
        if name in ("calculate", "filter", "test", "expr", "labelExpr", "signal"):
            yield json.dumps(item)
        elif name != "values":
            yield from expressions(item)


def test_json_can_stand_in_a_script() -> None:
    text = to_json({"a": "</script><!-- & é"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & é"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_equal_records_give_equal_charts(drawn: dict[str, Figure], specs: dict[str, Spec]) -> None:
    reverse = [with_published(figure, PUBLISHED, "k = 10") for figure in figures(list(reversed(RECORDS)))]
    for figure in reverse:
        if spec := specification(figure):
            assert to_json(spec) == to_json(specs[figure.name])


def test_families_and_series_differ_without_colour() -> None:
    for a, b in combinations(FAMILIES.values(), 2):
        assert a.shape != b.shape
        assert a.dash != b.dash
    assert len({look.shape for look in SERIES}) == len({look.color for look in SERIES}) == len(SERIES)


def test_colours_stand_out_from_both_backgrounds() -> None:
    for look in (*FAMILIES.values(), *SERIES):
        for background in ("#FFFFFF", "#161616"):
            bright, dark = sorted((luminance(look.color), luminance(background)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 2.9, (look, background)


def luminance(color: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- in a browser


def page(folder: Path, specs: list[Spec]) -> Path:
    """A page that draws the charts as the report does, without any right to run texts."""
    boxes = "".join(f"<div id=p{n}></div>" for n in range(len(specs)))
    options = '{actions: false, ast: true, renderer: "svg"}'
    script = f"""const P = {to_json(specs)};
    await Promise.all(P.map((spec, n) => vegaEmbed("#p" + n, spec, {options}))); window.ready = true;"""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    path = folder / "page.html"
    path.write_text(
        f'<!doctype html><meta charset=utf-8><meta http-equiv=Content-Security-Policy content="{policy}">{boxes}'
        f"<script type=module>{drawing.script()}</script><script type=module>{script}</script>"
    )
    return path


def test_hostile_names_are_shown_as_they_are_written(tmp_path: Path, browser: "Browser") -> None:
    point = Point(
        encoder=HOSTILE[:34], family="OWN", value=0.5, low=0.4, high=0.6, record=HOSTILE, n="<i>12</i> images"
    )
    gap = replace(point, encoder="e", value=None, low=None, high=None, reason="<b>no</b>")
    shown = Series(name="", points=(point, gap), published=((HOSTILE, 0.7),))
    bars = figure_of(Rows(series=(shown,), chance=0.1, as_bars=True))
    lines = figure_of(Lines(x=(0.0, 1.0), x_label=HOSTILE, series=(Series(name=HOSTILE[:34], points=(point, point)),)))
    specs = [spec for figure in (bars, lines) if (spec := specification(figure))]
    with visit(browser, page(tmp_path, specs)) as opened:
        opened.page.wait_for_function("window.ready")
        texts = opened.page.eval_on_selector_all("svg text", "all => all.map(one => one.textContent)")
        assert HOSTILE[:34] in texts
        assert "<b>no</b>" in texts
        assert any(text.startswith("paper: <b>bold</b> <a href=") for text in texts)
        opened.page.locator("#p0 .mark-symbol path[d]").first.hover()
        tooltip = opened.page.locator("#vg-tooltip-element")
        tooltip.wait_for()
        assert tooltip.text_content() == f"{HOSTILE[:34]}\n50.0% (95%: 40.0% to 60.0%)\n<i>12</i> images"
        assert opened.page.locator("svg a, #vg-tooltip-element *").count() == 0
        assert opened.complaints == opened.requests == []


def figure_of(content: Rows | Lines) -> Figure:
    return Figure(name="f", section="s", title="t", caption="c", alt="a", content=content, y_label="<b>y</b>")
