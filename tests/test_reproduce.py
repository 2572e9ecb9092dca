"""docs/reproduce.md: its commands are commands, its steps lead to every figure, and its numbers are those of the code.

The steps run on small data in one folder: what needs the Hub gets a stand-in on loopback, what needs Flickr's images a
server of generated ones. What needs Flickr's API, ImageNet's size or the weights of encoders is parsed, and not run.
"""

import io
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.core import TyperGroup

from flickrexif.cli import app
from flickrexif.collectors.sandbox.images import image_file
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.commands.evaluate import candidates_of
from flickrexif.commands.fetch import FetchReport
from flickrexif.dataset.schema import PUBLISHED_COLUMNS
from flickrexif.eval.encoders import expand
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.measure.masking import Masking
from flickrexif.eval.report.published import paper_numbers
from flickrexif.eval.suite import ALL
from flickrexif.processing.variants import PARAMETERS
from tests.forked import forks
from tests.hub import Hub, serving
from tests.hub_repo import File, Repo
from tests.populations import make_photo
from tests.report_records import figures, records
from tests.suite_data import picture, write_classes, write_split
from tests.test_images import Pictures

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reproduce.md").read_text("utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (Fig\. \d+|Table \d+) \| `(eval (\w+))` \|", re.MULTILINE)
ELSEWHERE = ("pip install ", "export ", "git clone ")
SPLITS = "path/to/visual-encoder-traces/data/splits/FlickrExif"
PAPER = {"Fig. 2", *(f"Fig. {number}" for number in range(4, 11)), "Table 2"}
GONE = 3  # photos whose image is no longer there
IDS = range(53_000_000_000, 53_000_000_060)
PHONE, CAMERA = "iPhone XR", "Canon EOS 450D"  # of PairCams, as published


def steps() -> list[str]:
    """The commands, in the page's order."""
    blocks = BLOCK.findall(PAGE)
    assert {language for language, _ in blocks} == {"sh"}
    lines = (line.partition("  #")[0].strip() for _, block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith(ELSEWHERE)]


COMMANDS = [step for step in steps() if step.startswith("flickrexif ")]


def parsed(words: list[str]) -> dict[str, Any]:
    """The values of a command's parameters. Raises what a user is told: no such command, option or value."""
    command, name = typer.main.get_command(app), None
    while isinstance(command, TyperGroup):
        name, found, words = command.resolve_command(typer.Context(command), words)
        assert found is not None, name
        command = found
    return dict(command.make_context(name, words).params)


# --- every command


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_is_one(command: str) -> None:
    values = parsed(shlex.split(command)[1:])
    if "encoder" in values:
        assert expand(values["encoder"])
    assert set(values.get("tasks") or ()) <= {*MEASUREMENTS, ALL}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate all", "No such command"),
        ("eval all --encoder lite0 --tasks probe", "No such option"),
        ("eval all --encoder lite0 --workers many", "valid integer"),
        ("pairs build", "[Mm]issing (argument|parameter)|source"),
        ("report data/results more", "unexpected extra argument"),
        ("splits --protocol papers", "paper"),
    ],
)
def test_what_is_no_command_would_be_noticed(words: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        parsed(words.split())


def test_nothing_in_a_block_is_left_out() -> None:
    assert len(COMMANDS) >= 28
    assert steps() == COMMANDS


@pytest.mark.parametrize("page", [PAGE, PROTOCOL], ids=["reproduce", "protocol"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", page)
    assert links
    for name, heading in links:
        text = (ROOT / "docs" / name).read_text("utf-8") if name else page
        titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not heading or heading in anchors, f"{name}#{heading}"


# --- every figure


def test_every_figure_and_table_of_the_paper_is_named_once() -> None:
    named = [label for label, _, _ in ROW.findall(PAGE)]
    assert len(named) == len(set(named))
    assert set(named) == PAPER


@pytest.mark.parametrize(("label", "command", "task"), ROW.findall(PAGE))
def test_the_task_named_for_a_figure_draws_it(label: str, command: str, task: str) -> None:
    values = parsed([*command.split(), "--encoder", "lite0"])
    assert values["tasks"] == [task]
    assert task in MEASUREMENTS
    if label == "Table 2":
        assert {number.task for number in paper_numbers() if number.relation == "is"} == {task}
    else:
        mine = [(path, record) for path, record in records(2, points=20) if record.task == task]
        assert label in {figure.paper for figure in figures(mine)}


# --- the steps


class Done(NamedTuple):
    """What the steps left."""

    folder: Path
    ended: dict[str, subprocess.CompletedProcess[str]]


def table_file(table: pa.Table) -> File:
    out = io.BytesIO()
    pq.write_table(table, out)
    return File(out.getvalue(), large=False)


def repo(table: pa.Table) -> Repo:
    made = Repo(private=False)
    made.commit("main", "first", {"data/train-00000-of-00001.parquet": table_file(table)})
    return made


def published_photos(base: str) -> pa.Table:
    """The nine columns; photos on the server, and at the end some that it has not."""
    photos = [make_photo(number, id=number, width=320, height=240) for number in IDS]
    texts = {column.name: ["x"] * len(IDS) for column in PUBLISHED_COLUMNS}
    files = [image_file(one, "m", base) for one in photos[:-GONE]]
    urls = [file.url for file in files if file] + [f"{base}/65535/1_2.jpg"] * GONE
    return pa.table(texts | {"Flickr ID": [p.id for p in photos], "url": urls, "owner": [p.owner for p in photos]})


def published_pairs() -> pa.Table:
    """Images that differ, under the published columns alone."""
    rows = [(subject, model) for subject in range(3) for model in (PHONE, CAMERA)]
    files = []
    for subject, model in rows:
        out = io.BytesIO()
        picture(subject, (40, 0, 0) if model == PHONE else (0, 0, 40)).resize((320, 256)).save(out, "JPEG")
        files.append({"bytes": out.getvalue(), "path": None})
    values = {"image": files, "subject_idx": [s for s, _ in rows], "model": [m for _, m in rows]}
    features = datasets.Features(
        {"image": datasets.Image(), "subject_idx": datasets.Value("int64"), "model": datasets.Value("string")}
    )
    return pa.table(values).cast(features.arrow_schema)


def write_inaturalist(root: Path) -> None:
    """The layout of the competition of 2018: two JSON files beside the pictures."""
    for split, first in (("train", 0), ("val", 20)):
        files = {number: f"train_val2018/Aves/{number % 2}/{number}.jpg" for number in range(first, first + 6)}
        for number, name in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            picture(number).save(root / name)
        told = {
            "images": [{"id": number, "file_name": name} for number, name in files.items()],
            "annotations": [{"image_id": number, "category_id": number % 2} for number in files],
            "categories": [{"id": n, "name": f"species {n}"} for n in range(2)],
        }
        (root / f"{split}2018.json").write_text(json.dumps(told))


def runs(step: str) -> bool:
    """Whether a step can be made without Flickr's API, without weights and at any size."""
    words = step.split()
    needs = words[1] in ("crawl", "eval") and "--dry-run" not in words
    return not needs and words[1] not in ("splits", "report", "encoders") and "--labels" not in words


RUN = [step for step in steps() if runs(step)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """The steps that can run, once, one after the other."""
    folder = tmp_path_factory.mktemp("reproduce")
    write_classes(folder / "path/to/imagenet", 12, 6)
    write_inaturalist(folder / "path/to/inaturalist")
    splits = folder / SPLITS
    splits.parent.mkdir(parents=True)
    for attribute in ("Make", "Is Smartphone"):
        write_split(splits, attribute, ["a", "b"], list(IDS))
    population = Pictures([make_photo(number, id=number, width=320, height=240) for number in IDS])
    with Sandbox(population) as server, serving(Hub(users={})) as hub:
        hub.repos |= {
            "CTU-OU/FlickrExif": repo(published_photos(server.base)),
            "CTU-OU/PairCams": repo(published_pairs()),
        }
        environ = {
            "PATH": os.environ["PATH"],
            "OMP_NUM_THREADS": "1",
            "HOME": str(folder),
            "HF_ENDPOINT": hub.endpoint,
            "PYTHONPATH": str(ROOT),
        }

        with forks(folder, environ) as run:
            yield Done(folder, {step: run(arguments(step)) for step in RUN})


def arguments(step: str) -> list[str]:
    """What Python is given to run a step."""
    return ["-m", "flickrexif", *shlex.split(step.replace("--workers 16", "--workers 1"))[1:]]


@pytest.mark.parametrize("step", RUN, ids=lambda step: step.splitlines()[0][:80])
def test_a_step_runs(step: str, done: Done) -> None:
    ended = done.ended[step]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_published_photos_are_fetched_under_their_ids(done: Done) -> None:
    rows = pq.read_table(done.folder / "data/flickrexif/images").to_pylist()
    fetched = {row["Flickr ID"]: row["image"]["bytes"] for row in rows}
    assert list(fetched) == list(IDS[:-GONE])
    assert len(set(fetched.values())) == len(fetched)
    assert all(data.startswith(b"\xff\xd8") for data in fetched.values())
    labels = pq.read_table(done.folder / "data/flickrexif/labels").to_pylist()
    assert {row["Flickr ID"] for row in labels if row["image_reason"] == "gone"} == set(IDS[-GONE:])


def test_the_photos_are_linked_to_their_pages(done: Done) -> None:
    found = pq.read_table(done.folder / "data/flickrexif/labels").to_pylist()
    assert [row["Flickr ID"] for row in found] == list(IDS)
    for row in found:
        assert row["page_url"].endswith(f"/photos/{row['owner']}/{row['Flickr ID']}/")


def test_the_sides_of_the_published_pairs_are_known(done: Done) -> None:
    (path,) = (done.folder / "data/paircams/data").glob("*.parquet")
    found = pq.read_table(path, columns=["subject_idx", "model", "side"]).to_pylist()
    assert [(row["subject_idx"], row["side"]) for row in found] == [
        (subject, side) for subject in range(3) for side in ("phone", "camera")
    ]
    assert {row["model"]: row["side"] for row in found} == {PHONE: "phone", CAMERA: "camera"}


def test_after_the_steps_every_figure_can_be_made_by_all_encoders(done: Done) -> None:
    said = done.ended["flickrexif eval all --encoder @paper47 --dry-run"].stdout
    planned = {tuple(line.split()[:4]) for line in said.splitlines()}
    of_parameters = {(task, p) for task in ("probe", "knn", "similarity", "strips") for p in PARAMETERS}
    wanted = {(*each, name) for each in of_parameters for name in ("ImageNet", "iNaturalist")}
    for encoder in expand(["@paper47"]):
        assert {(encoder.key, *each) for each in wanted} <= planned
        assert (encoder.key, "probe", "Make", "FlickrExif") in planned
        for task, name in (("masking", "ImageNet"), ("neighbors", "FlickrExif"), ("retrieval", "PairCams")):
            assert any(line[:3] == (encoder.key, task, name) for line in planned), task
        for task in ("tsne", "strips"):
            assert any(line[:3] == (encoder.key, task, "FlickrExif") for line in planned), task
    lacking = [line for line in said.splitlines() if line.startswith("Not possible")]
    assert [line.partition(":")[0] for line in lacking] == ["Not possible on iNaturalist (masking)"]


# --- the numbers


@pytest.mark.parametrize("photos", [304_136, 356_459])
def test_hours_of_the_published_photos_are_those_of_the_dry_run(photos: int) -> None:
    report = FetchReport(photos=photos, passed_over={}, not_in_table=0, to_fetch=photos)
    text = " ".join(PAGE.split())
    assert f"{photos:,}" in text
    assert f"{report.hours:.1f} hours" in text
    if photos == 304_136:
        assert f"{report.hours:.1f} hours and {report.bytes / 1e9:.0f} GB" in text
        assert f"| {2 * report.bytes / 1e9:.0f} GB |" in PAGE


@pytest.mark.parametrize("target", [1_200, 4_000])
def test_calls_and_hours_are_those_of_the_dry_run(run: Any, target: int, tmp_path: Path) -> None:
    span = ("--from", "2000-01", "--to", "2024-08", "--target", target, "--dry-run", "--data-dir", tmp_path)
    code, out, _ = run("crawl", *span)
    assert code == 0
    said = re.match(r"About ([\d,]+) calls: ([\d.]+) hours at ([\d,]+) calls an hour; about [\d.]+ GB", out)
    assert said
    calls, hours, pace = said.groups()
    text = " ".join(PAGE.split())
    assert re.search(rf"about {calls} calls[:,] {hours} hours", text)
    assert f"at {pace} calls an hour" in text


def test_numbers_of_encoders_and_variants_are_those_of_the_code() -> None:
    candidates = candidates_of(["@paper47"])
    widths = [one.spec.embedding_size for one in candidates]
    assert f"{sum(width or 0 for width in widths):,} numbers" in PAGE
    known = [one.spec.size_bytes for one in candidates]
    assert f"{sum(size or 0 for size in known) / 1e9:.0f} GB, and MoCo v3's three files" in PAGE
    assert [one.spec.key for one in candidates if one.spec.size_bytes is None] == [
        f"paper:mocov3/{name}" for name in ("vit_small", "vit_base", "resnet50")
    ]
    distinct = len({name for names in PARAMETERS.values() for name in names})
    assert f"the {distinct} variants of 125" in PAGE
    assert f"{distinct} distinct variants" in PROTOCOL
    assert f"{len(list(by_memory(one.spec for one in candidates)))} groups" in PAGE


def test_disk_of_the_embeddings() -> None:
    imagenet, inaturalist, flickr, pairs = 1_281_167 + 50_000, 437_513 + 24_426, 356_459, 1_460
    variants = len({name for names in PARAMETERS.values() for name in names})
    rows = {
        "Fig. 4": variants * imagenet,
        "Fig. 5": len(Masking().ratios) * imagenet,
        "Fig. 6": flickr,
        "Fig. 7": flickr,
        "Fig. 10": pairs,
    }
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in PAGE.splitlines() if ROW.match(line)}
    for figure, count in rows.items():
        size = count * 768 * 4 / 1e9
        assert f"| {size:.2g} GB" in lines[figure] or f"| {size * 1e3:.2g} MB |" in lines[figure], figure
        hours = count / 1_000 / 3_600  # of a GPU, at 1,000 images a second
        assert f"| {hours:.1f}" in lines[figure] or f"| {hours:.1g} |" in lines[figure], figure
    total = (variants + len(Masking().ratios)) * imagenet + variants * inaturalist + 2 * flickr + pairs
    disk = f"{total * 768 * 4 / 1e9:.0f} GB at 768 numbers and {total / 3.6e6:.1f} GPU-hours"
    assert f"{total / 1e6:.0f} million embeddings an encoder, {disk}" in " ".join(PAGE.split())
    assert f"{total * 43_776 * 4 / 1e12:.1f} TB" in PAGE
    assert f"{total / 3_600 / 1_000:.1f} hours at 1,000 a second" in PAGE
