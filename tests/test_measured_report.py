"""Records that real tasks wrote, old and new, and what a report shows of them, against the record files themselves.

`python -m tests.test_measured_report` writes the records of this version in tests/data/records anew.
"""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flickrexif
from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.data.embeddings import EmbeddingKey, read_embeddings, write_embeddings
from flickrexif.eval.measure import MEASUREMENTS, read_result
from flickrexif.eval.report.build import write_report
from flickrexif.eval.results import SCHEMA_VERSION, Result, to_json
from tests.measured import ENCODER, MASKS, ORIGINS, SHARPENING, SIMULATED, Record, measure_all, measured, write_embedded
from tests.samples import DATA

RECORDS = DATA / "records"
VERSIONS = sorted(int(folder.name) for folder in RECORDS.glob("*/"))
MASKED = "90% masked"
CALLED = {"ImageNet": "imagenet-traces"}  # of two classes


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_embedded(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def records(embedded: Path) -> dict[str, Record]:
    return measure_all(embedded, embedded / "records")


@pytest.fixture(scope="module")
def report(embedded: Path, records: dict[str, Record]) -> Path:  # they are in the folder
    """The report of the records."""
    written = write_report(embedded / "records", embedded / "report", formats=())
    assert (written.unreadable, written.records) == ([], len(records))
    return embedded / "report"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float | None:
    return float(text) if text else None


def titles(report: Path) -> dict[str, str]:
    """Name of a figure of the page -> its title."""
    page = (report / "index.html").read_text("utf-8")
    return dict(re.findall(r'<h3 id="([^"]+)-title"><bdi>([^<]*)</bdi>', page))


# --- the records


def test_every_task_is_measured(records: dict[str, Record]) -> None:
    assert {record["task"] for record in records.values()} == MEASUREMENTS.keys()


def test_every_record_tells_the_mask_of_its_embeddings_and_the_origin_of_its_photos(records: dict[str, Record]) -> None:
    for name, record in records.items():
        assert record["schema_version"] == SCHEMA_VERSION
        assert record["origin"] == ORIGINS[record["dataset"]], name
        if record["task"] == "masking":
            assert record["settings"]["ratios"] == list(MASKS)
        else:
            assert record["settings"]["mask"] == (0.9 if "masked" in name else 0.0), name
    differing = [name for name in records if f"{Path(name).stem}-masked.json" in records
                 and records[name]["metrics"] != records[f"{Path(name).stem}-masked.json"]["metrics"]]  # fmt: skip
    assert {"knn.json", "probe.json"} <= set(differing)  # else the tests below could not tell them apart


# --- what the report shows


def test_numbers_are_those_of_the_record_files(report: Path, records: dict[str, Record]) -> None:
    rows = rows_of(report / "tables" / "numbers.csv")
    shown = {(row["record"], row["metric"]): row for row in rows}
    assert len(shown) == len(rows) == sum(len(record["metrics"]) for record in records.values())
    for (name, metric), row in shown.items():
        record = records[name]
        low, high = record["intervals"].get(metric, (None, None))
        values = (record["metrics"][metric], low, high, record["settings"].get("mask"))
        assert tuple(number(row[column]) for column in ("value", "low", "high", "mask")) == values
        assert row["dataset"] == CALLED.get(record["dataset"], record["dataset"])
        for column in ("task", "origin", "parameter", "attribute", "encoder", "family"):
            assert row[column] == (record[column] or "")


KNN = ("all_same", "all_diff", "pos_same", "neg_same", "uniform")
RECALLS = tuple(f"{name}{side}" for side in ("", "_phone", "_camera") for name in ("same", "different"))
LEFT = tuple(f"{name}.{metric}" for metric in ("accuracy", "all_same")
             for name in ("none", "centring", "leace", "averaging"))  # fmt: skip
TABLES = [  # record, file below the report with {} for the mask, metric -> its column
    ("knn", "tables/knn-sharpening-imagenet-traces{}-k-3", {name: name for name in KNN}),
    ("knn", "figures/setups-sharpening-imagenet-traces{}-k-3", {name: name.replace("_", "-") for name in KNN}),
    ("probe", "figures/probe-sharpening-imagenet-traces{}-protocol-fast", {"accuracy": "probe-accuracy"}),
    ("probe-attribute", "figures/probe-make-flickrexif{}-protocol-fast-origin-simulated",
     {"accuracy": "probe-accuracy"}),
    ("retrieval", "tables/retrieval-paircams{}", {name: name for name in RECALLS}),
    ("retrieval", "figures/retrieval-paircams{}", {"same": "recall-1-same-type-of-camera"}),
    ("neighbors", "tables/neighbors-is-smartphone-flickrexif{}-origin-simulated", {"10": "10", "50": "50"}),
    ("neighbors", "figures/neighbors-is-smartphone-flickrexif{}-origin-simulated", {"10": "k-10", "25": "k-25"}),
    ("mitigation", "tables/mitigation-sharpening-imagenet-traces{}-protocol-fast", {name: name for name in LEFT}),
    ("mitigation", "figures/mitigation-sharpening-imagenet-traces{}-protocol-fast-accuracy",
     {"leace.accuracy": "leace"}),
    ("masking", "tables/masking-imagenet-traces", {"0": "0", "0.9": "0.9"}),
    ("masking", "figures/masking-imagenet-traces", {"0": "0", "0.9": "90"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "file", "columns", "masked"),
    [(*row, masked) for row in TABLES for masked in ((False, True) if "{}" in row[1] else (False,))],
)
def test_each_table_has_the_numbers_of_its_record(
    report: Path, records: dict[str, Record], stem: str, file: str, columns: dict[str, str], masked: bool
) -> None:
    record = records[f"{stem}{'-masked' if masked else ''}.json"]
    rows = rows_of(report / f"{file.format('-mask-0.9' if masked else '')}.csv")
    (row,) = [row for row in rows if row["encoder"] == ENCODER]
    for metric, column in columns.items():
        low, high = record["intervals"].get(metric, (None, None))
        shown = [number(row[name]) for name in (column, f"{column} low", f"{column} high")]
        assert shown == [record["metrics"][metric], low, high], metric


def test_the_table_of_probes_has_a_column_a_mask(report: Path, records: dict[str, Record]) -> None:
    tables = (
        ("processing", "probe", "sharpening-imagenet-traces{}-protocol-fast"),
        ("acquisition", "probe-attribute", "make-flickrexif{}-protocol-fast-origin-simulated"),
    )
    for kind, stem, name in tables:
        (row,) = [row for row in rows_of(report / "tables" / f"probe-{kind}.csv") if row["encoder"] == ENCODER]
        for mask, masked in (("", ""), ("-mask-0.9", "-masked")):
            accuracy = records[f"{stem}{masked}.json"]["metrics"]["accuracy"]
            assert number(row[f"probe-{name.format(mask)}"]) == accuracy


@pytest.mark.parametrize("masked", ["", "-masked"])
def test_the_pictures_are_of_their_records(report: Path, records: dict[str, Record], masked: str) -> None:
    mask = "-mask-0.9" if masked else ""
    detail = records[f"similarity{masked}.json"]["detail"]
    rows = rows_of(report / "figures" / f"similarity-sharpening-imagenet-traces{mask}.csv")
    shares = {float(row["bin"].split()[0]): row for row in rows}
    for group, words in (("same_class_same_metadata", "same-class-same-processing"),
                         ("different_class_different_metadata", "other-class-other-processing")):  # fmt: skip
        for left, share in zip(detail["edges"], detail["averaged"][group], strict=False):
            row = shares.get(round(left, 2))
            assert (number(row[f"control-dct-{words}"]) if row else 0) == pytest.approx(share, abs=1e-4)
    detail = records[f"tsne{masked}.json"]["detail"]
    file = f"tsne-is-smartphone-flickrexif{mask}-origin-simulated-control-dct.csv"
    points = Counter({"0": "non-smart", "1": "smart"}[str(label)] for label in detail["label"])
    assert {row["label"]: int(row["points"]) for row in rows_of(report / "figures" / file)} == points
    for stem, name in (("strips", f"sharpening-imagenet-traces{mask}"),
                       ("strips-labels", f"is-smartphone-flickrexif{mask}-origin-simulated")):  # fmt: skip
        (query,) = records[f"{stem}{masked}.json"]["detail"]["queries"]
        same = sum(neighbor["same"] for neighbor in query["neighbors"])
        figure = rf'<figure id="strips-{name}-control-dct" .*?<p><bdi>([^<]*)<'
        alt = re.search(figure, (report / "index.html").read_text("utf-8"), re.DOTALL)
        assert alt is not None
        assert alt[1].startswith(f"{same} of {len(query['neighbors'])} neighbours of 1 query")


def test_whatever_is_of_masked_images_says_so(report: Path) -> None:
    named = titles(report)
    kinds = Counter(name.partition("-")[0] for name in named if "mask-0.9" in name)
    assert kinds == {"probe": 2, "setups": 1, "similarity": 1, "retrieval": 1, "neighbors": 1, "mitigation": 2,
                     "tsne": 1, "strips": 2}  # fmt: skip
    assert Counter(name.partition("-")[0] for name in named if "mask-0.9" not in name) == kinds | {"masking": 1}
    for name, title in named.items():
        assert (MASKED in title) == ("mask-0.9" in name), title
    for path in (report / "tables").glob("*.tex"):
        if not path.name.startswith(("probe-", "leaderboard")):  # which have a column a mask
            assert (MASKED.replace("%", r"\%") in path.read_text().replace("90% masked", r"90\% masked")) == (
                "mask-0.9" in path.name
            )


def test_masked_images_do_not_count_among_whole_ones(embedded: Path, report: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(embedded / "records", tmp_path / "records")
    for path in whole.glob("*-masked.json"):
        if path.name != "probe-attribute-masked.json":  # which is the acquisition part
            path.unlink()
    write_report(whole, tmp_path / "report", formats=())
    board = "tables/leaderboard.csv"
    assert (tmp_path / "report" / board).read_text() == (report / board).read_text()


def test_the_page_says_whose_photos_were_measured(report: Path) -> None:
    page = (report / "index.html").read_text("utf-8")
    assert "SIMULATED DATA (FlickrExif)" in page
    for words in ("<bdi>FlickrExif</bdi>: <bdi>simulated photos</bdi>", "<bdi>PairCams</bdi>: <bdi>real photos</bdi>",
                  "<bdi>imagenet-traces</bdi>: <bdi>origin of the photos not told</bdi>"):  # fmt: skip
        assert words in page
    for name, title in titles(report).items():
        assert ("simulated" in title) == ("flickrexif" in name), title


def test_simulated_and_real_photos_of_one_data_set_are_apart(records: dict[str, Record], tmp_path: Path) -> None:
    simulated = records["neighbors.json"]
    real = simulated | {"origin": "flickr", "encoder": "lite0"}
    for name, record in (("a", simulated), ("b", real)):
        (tmp_path / "records").mkdir(exist_ok=True)
        (tmp_path / "records" / f"{name}.json").write_text(json.dumps(record))
    write_report(tmp_path / "records", tmp_path / "report", formats=())
    for name, encoder in (("-origin-simulated", ENCODER), ("", "lite0")):
        rows = rows_of(tmp_path / "report/figures" / f"neighbors-is-smartphone-flickrexif{name}.csv")
        assert [row["encoder"] for row in rows] == [encoder]


# --- what the embedding files tell


def files_of(data: Path) -> Iterator[Path]:
    return iter(sorted((data / "embeddings").rglob("*.safetensors")))


@pytest.fixture
def copied(embedded: Path, tmp_path: Path) -> Path:
    """The embeddings alone, to work in."""
    shutil.copytree(embedded / "embeddings", tmp_path / "embeddings")
    return tmp_path


def test_embeddings_made_elsewhere_keep_the_origin_of_their_photos(embedded: Path, copied: Path) -> None:
    labels = embedded / "flickrexif"
    assert measured("neighbors", "FlickrExif", {}, copied / "embeddings", labels).origin == SIMULATED
    assert measured("retrieval", "PairCams", {}, copied / "embeddings").origin == "real"


def test_files_of_others_tell_no_origin_and_their_folder_the_mask(embedded: Path, copied: Path) -> None:
    for path in files_of(copied):
        embeddings = read_embeddings(path)
        write_embeddings(path, embeddings.image_embeddings.clone(), embeddings.columns)
    for mask in MASKS:
        result = measured("neighbors", "FlickrExif", {"mask": mask}, copied / "embeddings", embedded / "flickrexif")
        assert (result.origin, result.mask, result.encoder) == ("", mask, "control:dct")
    write_report(copied / "results", copied / "report", formats=())
    page = (copied / "report/index.html").read_text("utf-8")
    assert "<bdi>FlickrExif</bdi>: <bdi>origin of the photos not told</bdi>" in page
    assert "real photos" not in page


def test_a_file_of_images_under_another_mask_is_not_measured(copied: Path) -> None:
    root = copied / "embeddings"
    for path in list((root / "PairCams" / "mask=0.9").glob("*.safetensors")):
        shutil.copy(path, root / "PairCams" / path.name)
    for processing in ("IDENTITY", "SHARPEN_4"):
        key = EmbeddingKey("ImageNet", "control", "dct", processing=processing, split="val")
        shutil.copy(replace(key, mask=0.9).path(root), key.path(root))
    for task, dataset, settings in (
        ("retrieval", "PairCams", {}),
        ("masking", "ImageNet", {"ratios": MASKS}),
        *((task, "ImageNet", SHARPENING) for task in ("knn", "probe", "strips", "similarity")),
    ):
        result = measured(task, dataset, settings, root)
        assert (result.state, set(result.metrics.values())) == ("failed", {None})
        assert "under the mask 0.9, not 0" in result.reason


def test_photos_of_different_origin_are_not_measured_together(copied: Path) -> None:
    root = copied / "embeddings"

    def marked(origin: str, split: str) -> None:
        for processing in ("IDENTITY", "JPEG95_444", "SHARPEN_2", "SHARPEN_4"):
            path = EmbeddingKey("ImageNet", "control", "dct", processing=processing, split=split).path(root)
            if path.exists():
                told = read_embeddings(path)
                write_embeddings(path, told.image_embeddings.clone(), told.columns, {**told.metadata, "origin": origin})

    def of_knn() -> Result:
        return measured("knn", "ImageNet", {**SHARPENING, "k": 3, "seeds": 1}, root)

    marked("flickr", "train")
    assert of_knn().origin == ""  # the others do not tell
    marked(SIMULATED, "val")
    assert "different origin: flickr, sandbox:simulated" in of_knn().reason
    marked("", "train")
    assert of_knn().origin == SIMULATED


# --- records of every version


def close(value: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers but for the rounding of float32."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(close(value[name], other[name]) for name in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(close, value, other))
    if isinstance(value, float):
        return isinstance(other, int | float) and abs(value - other) < 1e-6
    return bool(value == other)


@pytest.mark.parametrize("version", VERSIONS[1:])  # the first measured with other settings
def test_what_earlier_versions_measured_is_measured_alike(version: int, records: dict[str, Record]) -> None:
    compared = frozen(version).keys() & records.keys()
    assert {records[name]["task"] for name in compared} == MEASUREMENTS.keys()
    fields = ("metrics", "detail", "settings", "state", "reason", "interval", "encoder_digest")
    for name in compared:
        earlier = json.loads(to_json(read_result(RECORDS / str(version) / name)))
        for field in fields:
            assert close(records[name][field], earlier[field]), (name, field)
        assert earlier["n"].items() <= (records[name]["n"] | {"queries": records[name]["n"].get("queries")}).items()
        for metric, interval in earlier["intervals"].items():
            now = records[name]["intervals"][metric]
            assert close(now, interval) or close(now, wilson(records[name], metric)), (name, metric)


def wilson(record: Record, metric: str) -> list[float]:
    """Its interval as the roots of (p - share)² = z² p (1 - p) / n, in place of a bootstrap of few images."""
    units = (record["interval"], "pairs", "test", "photos")  # it may also be counted how many photographers there are
    n = next(record["n"][unit] for unit in units if unit in record["n"])
    assert n < 30
    z, share = 1.959963984540054, record["metrics"][metric]
    roots = np.roots([1 + z * z / n, -2 * share - z * z / n, share * share]).real
    return sorted(np.clip(roots, 0, 1).tolist())


def frozen(version: int) -> dict[str, Record]:
    return {path.name: json.loads(path.read_text()) for path in sorted((RECORDS / str(version)).glob("*.json"))}


def test_a_record_of_every_task_is_kept_in_every_version() -> None:
    assert [*range(1, SCHEMA_VERSION + 1)] == VERSIONS
    for version in VERSIONS:
        assert {record["task"] for record in frozen(version).values()} == MEASUREMENTS.keys()
        assert {record["schema_version"] for record in frozen(version).values()} == {version}


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_every_version_are_read_and_shown(version: int, tmp_path: Path) -> None:
    records = frozen(version)
    written = write_report(RECORDS / str(version), tmp_path / "report", formats=())
    assert (written.unreadable, written.records) == ([], len(records))
    rows = rows_of(tmp_path / "report/tables/numbers.csv")
    shown = {(row["record"], row["metric"]): (number(row["value"]), row["dataset"]) for row in rows}
    expected = {(name, metric): (value, CALLED.get(record["dataset"], record["dataset"]))
                for name, record in records.items() for metric, value in record["metrics"].items()}  # fmt: skip
    assert shown == expected
    masks = {row["record"]: number(row["mask"]) for row in rows}
    assert {name for name, mask in masks.items() if mask == 0.9} == {name for name in records if "-masked" in name}
    assert {name for name, mask in masks.items() if mask is None} == {"masking.json"}
    named = titles(tmp_path / "report")
    assert {name.partition("-")[0] for name, title in named.items() if MASKED in title} == {
        "setups", "probe", "retrieval"
    }  # fmt: skip
    assert "SIMULATED DATA (FlickrExif" in (tmp_path / "report/index.html").read_text("utf-8")


def test_the_first_version_told_an_origin_only_in_the_suite() -> None:
    origins = {name: read_result(RECORDS / "1" / name).origin for name in frozen(1)}
    assert {name for name, origin in origins.items() if origin} == {"suite-neighbors-simulated.json"}
    assert origins["suite-neighbors-simulated.json"] == SIMULATED
    assert "source" not in read_result(RECORDS / "1/suite-neighbors-simulated.json").settings


@pytest.mark.parametrize("change", [{"settings": []}, {"fingerprints": 3}, {"settings": {"source": 3}}, {"origin": 1}])
def test_a_broken_record_of_the_first_version_is_one_sentence(change: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(frozen(1)["knn.json"] | change))
    if change == {"origin": 1}:  # unknown to that version, and replaced
        assert read_result(tmp_path / "x.json").origin == ""
        return
    with pytest.raises(FlickrExifError, match=r"x\.json is no result record"):
        read_result(tmp_path / "x.json")


def write_frozen(folder: Path) -> None:
    """Write the records of `frozen(1)` as this version writes them; one of the suite is like that of its task now."""
    data = write_embedded(folder)
    records = measure_all(data, folder / "records")
    fast = {"protocol": "fast", "seeds": 2}
    suite = flickrexif.evaluate(ENCODER, data_dir=data, settings=fast, device="cpu").folder / "control-dct"
    records["suite-knn-not-possible.json"] = json.loads((suite / "knn_flickrexif-traces_jpeg.json").read_text())
    out = RECORDS / str(SCHEMA_VERSION)
    out.mkdir(parents=True, exist_ok=True)
    for name in frozen(1).keys() & records.keys():
        record = records[name] | {"seconds": 0.0}
        record["versions"]["platform"] = "Linux-x86_64"
        (out / name).write_text(json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        write_frozen(Path(temporary))
