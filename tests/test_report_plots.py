"""The page's plots: plotly takes them, they show the records' numbers, and strangers' names are inert in a browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from plotly.offline import get_plotlyjs

from flickrexif.eval.report.render.interactive import CONFIG, plot, to_json
from flickrexif.eval.report.render.plotly_parts import THEMES, Plot, inert
from flickrexif.eval.report.spec import Distributions, Figure, Lines, Pairwise, Point, Rows, Series, Strips
from flickrexif.eval.report.style import FAMILIES, SERIES, corners_of
from tests.browser import visit
from tests.report_records import figures, records, with_published

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RECORDS = records(47, points=2000)
HOSTILE = "<b>bold</b> <a href='javascript:alert(1)'>x</a>&lt;i&gt; %{x} $\\alpha$"


PUBLISHED = (("paper:clip/RN50", 0.61803), ("paper:no/such", 0.3), ("most CVL", 0.8))  # there, not there, a level


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {figure.name: with_published(figure, PUBLISHED, "k = 10") for figure in figures(RECORDS)}


@pytest.fixture(scope="module")
def plots(drawn: dict[str, Figure]) -> dict[str, Plot]:
    return {name: drawn_plot for name, figure in drawn.items() if (drawn_plot := plot(figure)) is not None}


def traces(drawn_plot: Plot, **fields: Any) -> list[dict[str, Any]]:
    return [trace for trace in drawn_plot["data"] if all(trace.get(k) == v for k, v in fields.items())]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_plotly_accepts_every_plot_and_template(drawn: dict[str, Figure], plots: dict[str, Plot]) -> None:
    assert set(drawn) - set(plots) == {name for name, f in drawn.items() if isinstance(f.content, Strips)}
    for drawn_plot in plots.values():
        read = plotly.io.from_json(to_json(drawn_plot))  # raises for a property that plotly does not know
        assert len(read.data) == len(drawn_plot["data"])
    for template in THEMES.values():
        assert go.layout.Template(template).layout.font.color


def test_bars_are_the_values_with_their_intervals(drawn: dict[str, Figure], plots: dict[str, Plot]) -> None:
    for name in ("probe-sharpening-imagenet", "probe-model-flickrexif-mask-0.9"):
        content = drawn[name].content
        assert isinstance(content, Rows)
        bars_by_encoder: dict[str, tuple[float | None, float | None, float | None]] = {}
        for trace in traces(plots[name], type="bar"):
            whiskers = trace["error_x"]
            for texts, x, up, down in zip(
                trace["customdata"], trace["x"], whiskers["array"], whiskers["arrayminus"], strict=True
            ):
                bars_by_encoder[texts[0]] = (x, None if up is None else x + up, None if down is None else x - down)
        for point in content.points:
            value, high, low = bars_by_encoder.pop(point.encoder)
            assert value == (None if point.value is None else pytest.approx(point.value, abs=1e-5))
            assert high == (None if point.high is None else pytest.approx(point.high, abs=2e-5))
            assert low == (None if point.low is None else pytest.approx(point.low, abs=2e-5))
        assert not bars_by_encoder


def test_every_bar_stands_at_its_name(plots: dict[str, Plot]) -> None:
    drawn_plot = plots["probe-jpeg-imagenet"]
    axis = drawn_plot["layout"]["yaxis"]
    names = dict(zip(axis["tickvals"], axis["ticktext"], strict=True))
    for trace in traces(drawn_plot, type="bar"):
        assert [names[y] for y in trace["y"]] == [texts[0].removeprefix("paper:") for texts in trace["customdata"]]
    assert axis["range"][0] > max(names) > min(names) > axis["range"][1]


def test_chance_and_the_papers_numbers_are_drawn(plots: dict[str, Plot]) -> None:
    drawn_plot = plots["probe-jpeg-imagenet"]
    (chance,) = [trace for trace in drawn_plot["data"] if trace["name"] == "chance 16.7%"]
    assert chance["x"] == [pytest.approx(1 / 6, abs=1e-5)] * 2
    (paper,) = traces(drawn_plot, name="paper")
    assert (paper["x"], paper["marker"]["symbol"]) == ([0.61803], "diamond-open")
    assert paper["y"] == [
        drawn_plot["layout"]["yaxis"]["tickvals"][drawn_plot["layout"]["yaxis"]["ticktext"].index("clip/RN50")]
    ]
    levels = [trace for trace in drawn_plot["data"] if trace["name"].startswith("paper:")]
    assert [(level["name"], level["x"]) for level in levels] == [("paper: most CVL 80.0%", [0.8, 0.8])]
    (hollow,) = traces(plots["neighbors-is-smartphone-flickrexif"], name="paper, k = 10")
    assert (hollow["x"], hollow["marker"]["symbol"]) == ([0.61803], "circle-open")


def test_a_gap_is_null_with_its_reason(plots: dict[str, Plot]) -> None:
    drawn_plot = plots["probe-sharpening-imagenet"]
    (note,) = drawn_plot["layout"]["annotations"]
    assert note["text"] == "<i>every trial diverged</i>"
    values = {
        texts[0]: x for t in traces(drawn_plot, type="bar") for texts, x in zip(t["customdata"], t["x"], strict=True)
    }
    assert [name for name, x in values.items() if x is None] == ["paper:clip/ViT-L-14@336px"]
    axis = drawn_plot["layout"]["yaxis"]
    assert axis["ticktext"][axis["tickvals"].index(note["y"])] == "clip/ViT-L-14@336px"


def test_dots_lines_and_pairs_are_the_values(drawn: dict[str, Figure], plots: dict[str, Plot]) -> None:
    dots = drawn["setups-jpeg-imagenet"].content
    assert isinstance(dots, Rows)
    for series in dots.series:
        (trace,) = traces(plots["setups-jpeg-imagenet"], name=series.name)
        assert trace["x"] == pytest.approx([point.value for point in series.points], abs=1e-5)
        low, high = plots["setups-jpeg-imagenet"]["layout"]["xaxis"]["range"]
        assert low < min(trace["x"]) <= max(trace["x"]) < high
    masks = drawn["masking-imagenet"].content
    assert isinstance(masks, Lines)
    for series, trace in zip(masks.series, plots["masking-imagenet"]["data"], strict=True):
        assert trace["customdata"][0][0] == series.name
        assert trace["x"] == list(masks.x)
        assert trace["y"] == pytest.approx([point.value for point in series.points], abs=1e-5)
    pairs, drawn_plot = drawn["retrieval-paircams"].content, plots["retrieval-paircams"]
    assert isinstance(pairs, Pairwise)
    expected = {p.encoder: (p.value, q.value) for p, q in zip(pairs.x, pairs.y, strict=True)}
    for panel in ("x", "x2"):
        values_by_encoder = {texts[0]: (x, y) for trace in traces(drawn_plot, xaxis=panel)
                 for texts, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)}  # fmt: skip
        assert values_by_encoder.keys() == expected.keys()
        assert all(values_by_encoder[name] == pytest.approx(expected[name], abs=1e-5) for name in values_by_encoder)


def test_distributions_and_clouds_are_the_values(drawn: dict[str, Figure], plots: dict[str, Plot]) -> None:
    name = "similarity-jpeg-imagenet"
    content = drawn[name].content
    assert isinstance(content, Distributions)
    shares = [shares for panel in content.panels for _, shares in panel.shares]
    edges = np.array(content.edges)
    for trace, expected in zip(plots[name]["data"], shares, strict=True):
        assert trace["y"] == pytest.approx(expected, abs=1e-5)
        x = trace["x0"] + trace["dx"] * np.arange(len(trace["y"]))
        assert x == pytest.approx((edges[:-1] + edges[1:]) / 2, abs=1e-4)
    result = dict(RECORDS)["paper_dinov2_vitl14/tsne.json"]
    drawn_plot = plots["tsne-is-smartphone-flickrexif-dinov2-vitl14"]
    for label, trace in enumerate(drawn_plot["data"]):
        mine = np.array(result.detail.label) == label
        assert trace["x"] == pytest.approx(np.array(result.detail.x)[mine], rel=1e-3)
        assert trace["y"] == pytest.approx(np.array(result.detail.y)[mine], rel=1e-3)


def test_few_lines_are_named() -> None:
    (masks,) = [figure for figure in figures(records(3, points=10)) if isinstance(figure.content, Lines)]
    drawn_plot = plot(masks)
    assert drawn_plot is not None
    assert [trace["name"] for trace in drawn_plot["data"]] == ["clip/ViT-B-16", "clip/ViT-B-32", "clip/ViT-L-14"]
    assert len({trace["line"]["dash"] for trace in drawn_plot["data"]}) == 3


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


def test_all_plots_of_47_encoders_are_small(plots: dict[str, Plot]) -> None:
    assert len(to_json(plots)) < 2_000_000
    digits = max(len(number.split(".")[1]) for number in re.findall(r"\d+\.\d+", to_json([
        [t.get("x"), t.get("y")] for drawn_plot in plots.values() for t in drawn_plot["data"]])))  # fmt: skip
    assert digits <= 5


def test_no_string_of_a_record_can_be_markup() -> None:
    bad = [(f"<i>{path}", replace(r, encoder=HOSTILE + r.encoder, dataset=HOSTILE, reason=r.reason and HOSTILE))
           for path, r in records(4, points=20)]  # fmt: skip
    bad = [(path, replace(r, detail=replace(r.detail, classes=[HOSTILE, "other"])) if r.task == "tsne" else r)
           for path, r in bad]  # fmt: skip
    drawn_plots = [plot(with_published(figure, ((HOSTILE, 0.5),), "all-same")) for figure in figures(bad)]
    ours = re.compile(r"</?(b|i|extra)>|<br>")
    for text in strings(drawn_plots):
        assert "<" not in ours.sub("", text)
        assert not re.search(r"&(?!(amp|lt|gt|quot|#x27);)", text)
    assert "&lt;b&gt;bold" in to_json(drawn_plots).encode().decode("unicode_escape")


def test_json_can_stand_in_a_script() -> None:
    text = to_json({"a": "</script><!-- & é"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & é"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_equal_records_give_equal_json(drawn: dict[str, Figure], plots: dict[str, Plot]) -> None:
    reverse = [with_published(figure, PUBLISHED, "k = 10") for figure in figures(list(reversed(RECORDS)))]
    again = {figure.name: plot(figure) for figure in reverse}
    assert to_json({name: drawn_plot for name, drawn_plot in again.items() if drawn_plot}) == to_json(plots)


def test_families_and_series_differ_without_colour() -> None:
    for what in ("hatch", "marker", "dash"):
        for side in (0, 1):
            for a, b in combinations(FAMILIES.values(), 2):
                assert getattr(a, what)[side] != getattr(b, what)[side]
    assert len({look.marker for look in SERIES}) == len({look.color for look in SERIES}) == len(SERIES)


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


def page(folder: Path, plots: list[Plot]) -> Path:
    """A page that draws the plots in the light theme and keeps them for the tests."""
    boxes = "".join(f"<div id=p{n}></div>" for n in range(len(plots)))
    script = f"""const P = {to_json(plots)}, T = {to_json(THEMES)};
    Promise.all(P.map((p, n) => Plotly.newPlot("p" + n, p.data, {{...p.layout, template: T.light}}, {to_json(CONFIG)})))
      .then(() => {{ window.ready = true }});"""
    path = folder / "page.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8>{boxes}<script>{get_plotlyjs()}</script><script>{script}</script>"
    )
    return path


def test_hostile_names_are_shown_as_they_are_written(tmp_path: Path, browser: "Browser") -> None:
    point = Point(encoder=HOSTILE[:34], family="OWN", value=0.5, low=0.4, high=0.6, record=HOSTILE)
    gap = replace(point, encoder="e", value=None, low=None, high=None, reason="<b>no</b>")
    shown = Series(name="", points=(point, gap), published=((HOSTILE, 0.7),))
    bars = figure_of(Rows(series=(shown,), chance=0.1, as_bars=True))
    lines = figure_of(Lines(x=(0.0, 1.0), x_label=HOSTILE, series=(Series(name=HOSTILE[:34], points=(point, point)),)))
    drawn_plots = [drawn_plot for figure in (bars, lines) if (drawn_plot := plot(figure))]
    with visit(browser, page(tmp_path, drawn_plots)) as opened:
        opened.page.wait_for_function("window.ready")
        texts = opened.page.eval_on_selector_all("svg text", "all => all.map(one => one.textContent)")
        assert HOSTILE[:34] in texts
        assert "<b>no</b>" in texts
        assert any(text.startswith("paper: <b>bold</b> <a href=") for text in texts)
        assert opened.page.locator("svg a").count() == 0
        opened.page.evaluate("Plotly.Fx.hover('p0', [{curveNumber: 0, pointNumber: 0}])")
        hover = opened.page.locator("#p0 .hoverlayer text").text_content()
        assert hover is not None
        assert HOSTILE[:34] in hover
        assert "50.00% (95%: 40.00% to 60.00%)" in hover
        assert opened.page.locator("svg a").count() == 0
        assert opened.complaints == opened.requests == []


def figure_of(content: Rows | Lines) -> Figure:
    return Figure(name="f", section="s", title="t", caption="c", alt="a", content=content, y_label="<b>y</b>")


def test_the_theme_and_the_width_can_be_changed(tmp_path: Path, browser: "Browser", plots: dict[str, Plot]) -> None:
    chosen = [plots["probe-sharpening-imagenet"], plots["retrieval-paircams"], plots["setups-jpeg-imagenet"]]
    with visit(browser, page(tmp_path, chosen), width=400) as opened:
        opened.page.wait_for_function("window.ready")
        colour = "getComputedStyle(document.querySelector('#p0 .ytick text')).fill"
        assert opened.page.evaluate(colour) == "rgb(34, 34, 34)"
        change = "Promise.all(P.map((p, n) => Plotly.relayout('p' + n, {...p.layout.meta.narrow, template: T.dark})))"
        opened.page.evaluate(change)
        assert opened.page.evaluate(colour) == "rgb(230, 230, 230)"
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 400
        bars = opened.page.evaluate("[...document.querySelectorAll('#p0 .point')].map(b => b.getBBox().width)")
        assert max(bars) > 150  # room is left for the bars
        over, under = (opened.page.locator(f"#p1 .{axes} .gridlayer").bounding_box() for axes in ("xy", "x2y2"))
        assert over is not None
        assert under is not None
        assert over["y"] + over["height"] < under["y"]
        assert opened.complaints == opened.requests == []


def test_inert_text_reads_back() -> None:
    import html

    assert html.unescape(inert(HOSTILE, 200)) == HOSTILE
    assert inert("a\u202eb\x00c", 60) == "ab c"  # control characters part words
