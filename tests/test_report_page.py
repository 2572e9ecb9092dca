"""The page of a report in a real browser, and the command that writes it."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from flickrexif.core.text import link
from flickrexif.eval.report.build import write_report
from flickrexif.eval.report.pictures import MOST_FLICKR
from flickrexif.eval.report.render.page import signed
from flickrexif.eval.report.score.sensitivity import board_of
from flickrexif.eval.results import Result, write_result
from tests.browser import axe_faults, visit
from tests.report_records import Entry, of, put
from tests.test_browse import BAD_LINKS, NOTICE, SIMULATED, data_set, jpeg, some_photos
from tests.test_report_pictures import flickrexif as photos

HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "</script><script>window.hacked = 1</script>",
    "' onmouseover='window.hacked = 1",
    "{{ 7 * 7 }}<a href=javascript:window.hacked=1>b</a>",
    "\u202egnp.exe\u2066\x1b[31m\n<!--<script>\u2028",
)
VISIBLE_ROWS = "[...document.querySelectorAll('#leaderboard tbody tr')].filter(r => !r.hidden)"


def hostile() -> list[Entry]:
    """Records in which every text is somebody's attempt."""
    entries = []
    for number, (path, result) in enumerate(of(6)):
        text = HOSTILE[number % len(HOSTILE)]
        detail = result.detail
        if result.task == "tsne":
            detail = replace(detail, classes=list(HOSTILE[:2]))
        if result.task == "strips":
            queries = [
                replace(query, id=text, label=text, neighbors=[replace(n, label=text) for n in query.neighbors])
                for query in detail.queries
            ]
            detail = replace(detail, queries=queries)
        changed = replace(
            result,
            encoder=HOSTILE[sum(map(ord, result.encoder)) % len(HOSTILE)],
            family=HOSTILE[0] if number % 3 else result.family,
            dataset=f"{result.dataset} {HOSTILE[2]}",
            attribute=result.attribute and f"{result.attribute} {text}",
            reason=text if number % 7 == 0 else "",
            detail=detail,
            settings={**result.settings, text: text},
            versions={text: text},
            fingerprints={text: text},
        )
        entries.append((path, changed))
    return entries


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with reports: `plain` (with figures for print), `compared`, `hostile` and `flickr`."""
    root = tmp_path_factory.mktemp("reports")
    ours, before = put(root / "ours", of(8)), put(root / "before", of(7, seed=1))
    write_report(put(root / "small", of(2)), root / "plain", formats=("png",))
    write_report(ours, root / "compared", baseline=before, formats=())
    write_report(put(root / "odd", hostile()), root / "hostile", baseline=root / "odd", formats=())
    _flickr(root)
    return root


def _flickr(root: Path) -> None:
    """A report with photos: more than may be shown, of simulated photographers."""
    data_set(root / "data/flickrexif", some_photos(44, title=HOSTILE[0]), SIMULATED, images=True)

    def image(number: int) -> dict[str, Any]:
        return {"id": str(number), "label": "phone", "variant": None}

    def queries(first: int) -> list[dict[str, Any]]:
        near = [image(first + rank) | {"similarity": 0.9, "same": rank % 2 == 0} for rank in range(1, 11)]
        return [image(first) | {"neighbors": near}]

    for number, family in enumerate(("CVL", "SUP", "SSL", "OWN")):
        about = {"task": "strips", "encoder": f"e{number}", "family": family, "dataset": "FlickrExif", "metrics": {}}
        detail = {"queries": queries(1 + 11 * number), "left_out": {}}
        result = Result(**about, detail=detail, origin="sandbox:simulated", settings={"mask": 0})  # type: ignore[arg-type]
        write_result(root / "strips" / f"{number}.json", result)
    write_report(root / "strips", root / "flickr", data_dir=root / "data", formats=())


def page_of(root: Path, kind: str) -> Path:
    return root / kind / "index.html"


def scroll_through(page: Page) -> None:
    """Let every figure come into view."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(
        "async () => { for (const plot of document.querySelectorAll('[data-plot]')) "
        "{ plot.scrollIntoView(); await new Promise(requestAnimationFrame); } }"
    )
    page.wait_for_function(
        "[...document.querySelectorAll('[data-plot]')].every(plot => plot.querySelector('svg.marks'))"
    )


# --- opening


@pytest.mark.parametrize("kind", ["plain", "compared", "hostile", "flickr"])
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_it_loads_nothing_fits_and_is_accessible(
    browser: Browser, root: Path, kind: str, width: int, scheme: str
) -> None:
    with visit(browser, page_of(root, kind), width, color_scheme=scheme) as opened:
        page = opened.page
        if kind in ("plain", "flickr"):
            scroll_through(page)
        assert axe_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (opened.requests, opened.complaints) == ([], [])


def test_figures_are_drawn_only_when_they_come_into_view(browser: Browser, root: Path) -> None:
    drawn = "document.querySelectorAll('[data-plot] svg.marks').length"
    with visit(browser, page_of(root, "plain")) as opened:
        page = opened.page
        figures = page.locator("[data-plot]").count()
        assert page.evaluate(drawn) < figures
        scroll_through(page)
        assert page.evaluate(drawn) == figures
        unnamed = "[...document.querySelectorAll('[data-plot]')].filter(s => s.role !== 'img' || !s.ariaLabel).length"
        assert page.evaluate(unnamed) == 0


def test_links_to_files_lead_to_files(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "plain")) as opened:
        links = opened.page.evaluate("[...document.querySelectorAll('a[download]')].map(a => a.getAttribute('href'))")
    assert {Path(path).suffix for path in links} == {".csv", ".tex", ".png"}
    assert [path for path in links if not (root / "plain" / path).is_file()] == []


def test_nothing_hostile_runs_or_reorders(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "hostile")) as opened:
        page = opened.page
        scroll_through(page)
        for kind in "re":
            page.locator(f"main a[href^='#{kind}']").first.evaluate("a => a.click()")
            page.keyboard.press("Escape")
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x], a[href^=javascript]").count() == 0
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", page.evaluate("document.body.innerText"))
        assert "{{ 7 * 7 }}" in page.evaluate("document.body.innerText")
        assert (opened.requests, opened.complaints) == ([], [])
    text = page_of(root, "hostile").read_text("utf-8")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\x1b]", text.partition('<script type="module">')[0])


# --- the leaderboard


def board(page: Page) -> list[list[str]]:
    rows: list[list[str]] = page.evaluate(
        f"{VISIBLE_ROWS}.map(r => [...r.cells].map(c => c.querySelector('a, .gap')?.firstChild.textContent ?? "
        "c.textContent.trim()))"
    )
    return rows


def test_the_leaderboard_shows_the_scores(browser: Browser, root: Path) -> None:
    scores = board_of(of(8)).scores
    with visit(browser, page_of(root, "compared")) as opened:
        shown = board(opened.page)
    assert [row[1] for row in shown] == [score.encoder.removeprefix("paper:") for score in scores]
    assert [row[0] for row in shown] == [score.ranks for score in scores]
    assert [row[3] for row in shown] == [f"{100 * score.value:.1f}%" for score in scores if score.value is not None]
    assert shown[-1][0] == "-"  # one lacks a measurement


def test_any_column_sorts_by_keyboard(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "compared")) as opened:
        page = opened.page
        heads = page.locator("#leaderboard thead th")
        for column in range(heads.count()):
            button = heads.nth(column).get_by_role("button")
            button.focus()
            for _ in range(2):
                page.keyboard.press("Enter")
                direction = heads.nth(column).get_attribute("aria-sort")
                assert page.locator("#leaderboard [aria-sort]").count() == 1
                values = page.evaluate(f"{VISIBLE_ROWS}.map(r => r.cells[{column}].dataset.value)")
                filled = [value for value in values if value != ""]
                assert values == filled + [""] * (len(values) - len(filled))  # gaps come last
                keys: list[Any] = [float(v) if re.fullmatch(r"-?[\d.]+(e-?\d+)?", v) else v.lower() for v in filled]
                assert keys == sorted(keys, reverse=direction == "descending")


def test_families_are_filtered(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "compared")) as opened:
        page = opened.page
        families = page.evaluate(f"{VISIBLE_ROWS}.map(r => r.dataset.family)")
        box = page.get_by_role("checkbox", name="CVL (contrastive vision-language)")
        box.focus()
        page.keyboard.press("Space")
        rest = [family for family in families if family != "CVL"]
        assert page.evaluate(f"{VISIBLE_ROWS}.map(r => r.dataset.family)") == rest
        assert page.get_by_role("status").inner_text() == f"{len(rest)} of {len(families)} encoders are shown."
        box.check()
        assert len(board(page)) == len(families)


def names_beside_rows(page: Page) -> list[str]:
    """The encoders of a chart that has a row an encoder, from above."""
    place = page.locator("[data-plot^='plot-probe-make']").first
    place.scroll_into_view_if_needed()
    place.locator(".role-axis-label text").first.wait_for()
    names: list[str] = place.evaluate(
        "p => [...p.querySelectorAll('.role-axis-label text')].map(t => [t.getBoundingClientRect().top, t.textContent])"
        ".filter(([, text]) => !text.endsWith('%')).sort((a, b) => a[0] - b[0]).map(([, text]) => text)"
    )
    return names


def faint(page: Page) -> int:
    """In how many rows of that chart marks are faint."""
    count: int = page.locator("[data-plot^='plot-probe-make']").first.evaluate(
        "p => new Set([...p.querySelectorAll('.mark-symbol.role-mark path')]"
        ".filter(mark => Number(mark.getAttribute('fill-opacity') ?? 1) < 0.5)"
        ".map(mark => Math.round(mark.getBoundingClientRect().top / 8))).size"
    )
    return count


def test_families_search_and_order_act_on_charts_and_ranks(browser: Browser, root: Path) -> None:
    scores = board_of(of(8)).scores
    with visit(browser, page_of(root, "compared")) as opened:
        page = opened.page
        every = names_beside_rows(page)
        assert len(every) == len(scores)
        page.get_by_role("checkbox", name="SSL (self-supervised)").uncheck()
        left = {score.encoder.removeprefix("paper:") for score in scores if score.family != "SSL"}
        page.wait_for_timeout(300)
        assert set(names_beside_rows(page)) == left
        ranked = [score.sensitivity for score in scores if score.rank and score.family != "SSL"]
        ends = [(point.low, point.high) for point in ranked if point.low is not None and point.high is not None]
        expected = []
        for low, high in ends:
            first, last = 1 + sum(a > high for a, _ in ends), len(ends) - sum(b < low for _, b in ends)
            expected.append(str(first) if first == last else f"{first} to {last}")
        assert [row[0] for row in board(page) if row[0] != "-"] == expected
        page.get_by_role("checkbox", name="SSL (self-supervised)").check()
        assert faint(page) == 0
        page.get_by_label("Search").fill("CLIP/")
        page.wait_for_timeout(300)
        sought = [name for name in every if "clip/" in name.lower()]
        assert faint(page) == len(every) - len(sought) > 0
        assert [row[1] for row in board(page)] == [
            n for n in (s.encoder.removeprefix("paper:") for s in scores) if n in sought
        ]
        page.get_by_label("Search").fill("")
        page.get_by_label("Order").first.select_option(label="by trace sensitivity")
        page.wait_for_timeout(300)
        by_value = [score.encoder.removeprefix("paper:") for score in sorted(scores, key=lambda s: -(s.value or 0))]
        assert names_beside_rows(page) == by_value
        assert opened.complaints == []


def test_ones_own_encoders_stand_out(browser: Browser, tmp_path: Path) -> None:
    entries = [
        (path, replace(result, encoder="mine", family="OWN") if "clip_RN50" in path else result)
        for path, result in of(8)
    ]
    assert any(result.family == "OWN" for _, result in entries)
    write_report(put(tmp_path / "results", entries), tmp_path / "report", formats=())
    with visit(browser, tmp_path / "report/index.html") as opened:
        page = opened.page
        every = names_beside_rows(page)
        button = page.get_by_role("button", name="Highlight mine")
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        page.wait_for_timeout(300)
        assert button.get_attribute("aria-pressed") == "true"
        assert faint(page) == len(every) - 1
        page.get_by_role("checkbox", name="Highlight dinov2/vits14").check()
        page.wait_for_timeout(300)
        assert faint(page) == len(every) - 2
        button.click()
        page.get_by_role("checkbox", name="Highlight dinov2/vits14").uncheck()
        page.wait_for_timeout(300)
        assert faint(page) == 0
        assert opened.complaints == []


def test_no_number_is_cut_off_on_a_narrow_screen(browser: Browser, root: Path) -> None:
    outside = (
        "[...document.querySelectorAll('td, tbody th, svg.marks text')].filter(e => e.checkVisibility())"
        ".map(e => [e.getBoundingClientRect(), e.textContent]).filter(([box]) => box.left < 0 || box.right > 400.5)"
        ".map(([, text]) => text)"
    )
    with visit(browser, page_of(root, "compared"), width=400) as opened:
        page = opened.page
        page.locator("[data-plot^='plot-probe']").first.scroll_into_view_if_needed()
        page.locator("[data-plot^='plot-probe'] svg.marks").first.wait_for()  # which moves what is below
        page.locator("#section-Processing details[data-table]").first.evaluate("table => (table.open = true)")
        page.locator("#section-Processing td.number").first.wait_for()
        assert page.locator("#leaderboard td.number").count() > 8
        assert page.locator("#section-Processing td.number").count() > 8
        assert page.evaluate(outside) == []


def test_the_theme_can_be_switched(browser: Browser, root: Path) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    letters = "getComputedStyle(document.querySelector('[data-plot] .role-axis-label text')).fill"
    with visit(browser, page_of(root, "plain"), color_scheme="light") as opened:
        page = opened.page
        page.locator("[data-plot]").first.scroll_into_view_if_needed()
        page.wait_for_selector("[data-plot] .role-axis-label text")
        light = page.evaluate(ground), page.evaluate(letters)
        page.get_by_role("button", name="Use dark colours").click()
        dark = page.evaluate(ground), page.evaluate(letters)
        assert light == ("rgb(255, 255, 255)", "rgb(29, 29, 27)")
        assert dark == ("rgb(20, 20, 20)", "rgb(232, 232, 230)")
        page.get_by_role("button", name="Use light colours").click()
        assert (page.evaluate(ground), page.evaluate(letters)) == light


def test_dark_pages_are_printed_on_white(browser: Browser, root: Path) -> None:
    letters = "[...document.querySelectorAll('[data-plot] .role-axis-label text')].map(t => getComputedStyle(t).fill)"
    with visit(browser, page_of(root, "plain"), color_scheme="dark") as opened:
        page = opened.page
        assert page.pdf(format="A4").startswith(b"%PDF")
        page.wait_for_function(f"{letters}.length > 0")
        assert set(page.evaluate(letters)) == {"rgb(232, 232, 230)"}  # afterwards it is dark again
        page.emulate_media(media="print")
        assert set(page.evaluate(letters)) == {"rgb(29, 29, 27)"}
        visible = "[...document.querySelectorAll('[data-plot]')].filter(plot => plot.checkVisibility())"
        assert page.evaluate(f"{visible}.filter(plot => !plot.querySelector('svg.marks')).length") == 0
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"


# --- numbers and their sources


def test_numbers_are_the_records_and_lead_to_them(browser: Browser, root: Path) -> None:
    by_path = dict(of(2))
    cells = (
        "[...document.querySelectorAll('#section-Processing .tables tbody tr:not(.stated) td.number a')]"
        ".map(a => [a.textContent, a.getAttribute('href')])"
    )
    with visit(browser, page_of(root, "plain")) as opened:
        page = opened.page
        page.locator("#section-Processing .tables summary").first.click()
        page.wait_for_selector("#section-Processing .tables tbody")
        shown = page.evaluate(cells)
        assert len(shown) == sum(
            bool(r.parameter) and r.metrics["accuracy"] is not None for r in by_path.values() if r.task == "probe"
        )
        for text, href in shown:
            page.evaluate("href => document.querySelector(`a[href='${href}']`).click()", href)
            terms = page.locator("#source dl").first.evaluate("d => d.innerText").split("\n")
            result = by_path[terms[terms.index("Record") + 1]]
            accuracy = result.metrics["accuracy"]
            assert accuracy is not None
            assert abs(float(text.removesuffix("%")) - 100 * accuracy) <= 0.0501
            page.keyboard.press("Escape")


def test_the_source_tells_settings_versions_and_fingerprints(browser: Browser, root: Path) -> None:
    entries = dict(of(2))
    with visit(browser, page_of(root, "plain")) as opened:
        page = opened.page
        page.locator("#leaderboard tbody td a").first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        assert "the mean of the parts below" in dialog.inner_text()
        dialog.locator("a").first.focus()
        page.keyboard.press("Enter")
        text = dialog.inner_text()
        result = next(result for path, result in entries.items() if path in text)
        for name, value in {**result.versions, **result.fingerprints}.items():
            assert name in text
            assert value in text
        assert all(name in text for name in result.settings)
        assert axe_faults(page) == []
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert page.evaluate("document.activeElement.closest('#leaderboard') !== null")


def test_the_papers_numbers_stand_beside_ours(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "plain")) as opened:
        page = opened.page
        page.locator("#section-Neighbours .tables summary").first.click()
        page.wait_for_selector("#section-Neighbours .stated")
        rows = page.evaluate("[...document.querySelectorAll('#section-Neighbours .stated')].map(r => r.innerText)")
    assert rows[0].split("\t") == ["Paper: clip/ViT-L-14@336px", "", "70.1%", "69.1%", "67.6%"]
    assert len(rows) == 6


def test_differences_are_ours_less_the_baselines(browser: Browser, root: Path) -> None:
    ours, before = (
        {(r.encoder, r.task, r.dataset, r.parameter, r.attribute): r for _, r in entries}
        for entries in (of(8), of(7, seed=1))
    )
    both = {
        (key, metric): value - theirs
        for key, result in ours.items()
        for metric, value in result.metrics.items()
        if key in before and metric not in ("chance", "accuracy_std")
        and value is not None and (theirs := before[key].metrics[metric]) is not None
    }  # fmt: skip
    with (root / "compared/tables/compared.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(both)
    assert abs(float(rows[0]["difference"])) == pytest.approx(max(map(abs, both.values())))
    with visit(browser, page_of(root, "compared")) as opened:
        text = opened.page.locator("#compared").inner_text()
        first = opened.page.locator("#compared tbody tr").first.inner_text().split("\t")
    assert f"{len(both):,} numbers are in both runs" in text
    assert "Only here: " in text
    assert first[4] == signed(float(rows[0]["difference"]))
    assert first[5] in ("overlap", "apart", "no interval")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "▲ +1.2"), (-0.5, "▼ \N{MINUS SIGN}50.0"), (0.0004, "= 0.0"), (-0.0, "= 0.0")]
)
def test_differences_have_arrow_and_sign(value: float, text: str) -> None:
    assert signed(value) == text


# --- photos


def test_photos_are_few_described_and_credited(browser: Browser, root: Path) -> None:
    with visit(browser, page_of(root, "flickr")) as opened:
        page = opened.page
        images = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.alt])")
        borders = page.evaluate(
            "[...document.querySelectorAll('.strip li')].map(l => [l.className, l.querySelector('.verdict').innerText, "
            "getComputedStyle(l.querySelector('.frame')).borderStyle])"
        )
        links = page.evaluate("[...document.querySelectorAll('.credit a')].map(a => a.href)")
        text = page.evaluate("document.body.innerText")
    assert 0 < len(images) <= MOST_FLICKR
    assert all(width > 0 and alt for width, alt in images)
    assert len(links) >= len(images)
    assert all(url.startswith("https://") for url in links)
    assert {(kind, style, verdict.strip()[0]) for kind, verdict, style in borders} == {
        *{("query", "solid", "Q"), ("same", "solid", "✓"), ("other", "dashed", "✗")}
    }
    assert NOTICE in text
    assert "SIMULATED DATA (FlickrExif)" in text


@pytest.mark.parametrize("width", [1400, 400])
def test_pictures_of_any_shape_stay_in_their_frames_and_credits_are_listed(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    sizes = [(160, 120), (90, 160), (160, 160), (30, 900), (900, 30)]
    photos(tmp_path, {number: jpeg(number, size) for number, size in enumerate(sizes, 1)})
    near = [{"id": str(n), "label": "True", "variant": None, "similarity": 0.9, "same": True} for n in (2, 3, 4, 5, 2)]
    result = Result(
        task="strips", encoder="e", family="OWN", dataset="FlickrExif", origin="flickr",
        attribute="is_smartphone", metrics={}, settings={"mask": 0},
        detail={"queries": [{"id": "1", "label": "True", "variant": None, "neighbors": near}], "left_out": {}},
    )  # fmt: skip
    write_result(tmp_path / "results/strips.json", result)
    write_report(tmp_path / "results", tmp_path / "report", data_dir=tmp_path, formats=())
    with visit(browser, tmp_path / "report/index.html", width) as opened:
        cells = opened.page.evaluate(
            "[...document.querySelectorAll('.strip li')].map(cell => { const box = (e) => { const r = "
            "e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };"
            "return {frame: box(cell.querySelector('.frame')), image: box(cell.querySelector('img')),"
            "fit: getComputedStyle(cell.querySelector('img')).objectFit, "
            "below: box(cell.querySelector('.verdict')), text: cell.innerText}; })"
        )
        listed = opened.page.evaluate(
            "[...document.querySelectorAll('.credits li')].map(l => [l.innerText, l.querySelector('a').href, "
            "l.checkVisibility(), l.getBoundingClientRect().right <= innerWidth])"
        )
        assert axe_faults(opened.page) == []
    assert len(cells) == 6
    for cell in cells:
        left, top, right, bottom = cell["image"]
        assert cell["frame"][0] < left < right < cell["frame"][2]
        assert cell["frame"][1] < top < bottom < cell["frame"][3] <= cell["below"][1]
        assert cell["fit"] == "contain"
        assert "smart" in cell["text"]
        assert "by someone" not in cell["text"]
    assert [cell["text"].split()[-1] for cell in cells] == ["1", "2", "3", "4", "5", "2"]
    assert listed == [
        [f"“{n}” by <b>someone</b>", f"https://www.flickr.com/photos/someone/{n}/", True, True] for n in range(1, 6)
    ]


def test_what_was_not_measured_is_told_in_its_section(browser: Browser, tmp_path: Path) -> None:
    for name, reason in (("a", "no labels"), ("b", "<b>no file")):
        failed = Result(task="knn", encoder=name, family="OWN", dataset="d", origin="", parameter="jpeg",
                        settings={"mask": 0}, metrics={"all_same": None}, state="failed", reason=reason)  # fmt: skip
        write_result(tmp_path / "results" / f"{name}.json", failed)
    write_report(tmp_path / "results", tmp_path / "report")
    with visit(browser, tmp_path / "report/index.html") as opened:
        text = opened.page.inner_text("#section-Semantics")
        plots = opened.page.query_selector_all("[data-plot]")
    assert "Not measured: Five set-ups: JPEG compression on d (no labels; <b>no file)." in text
    assert plots == []
    assert sorted(path.name for path in (tmp_path / "report").rglob("*.*")) == [
        "index.html", "leaderboard.csv", "leaderboard.tex", "numbers.csv"
    ]  # fmt: skip


def test_the_page_tells_which_of_the_papers_encoders_are_a_guess(root: Path) -> None:
    text = page_of(root, "plain").read_text("utf-8")
    assert "ConvNeXt-L is taken for convnext/large" in text


def test_without_photos_there_is_no_notice(root: Path) -> None:
    assert NOTICE not in page_of(root, "plain").read_text("utf-8")
    assert "SIMULATED DATA" not in page_of(root, "plain").read_text("utf-8")


@pytest.mark.parametrize("url", [url or "" for url in BAD_LINKS])
def test_only_addresses_of_web_pages_are_links(url: str) -> None:
    assert link(url) == ""
    assert link("https://www.flickr.com/photos/1/2") != ""
