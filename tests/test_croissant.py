"""Croissant files: valid by mlcroissant's own check, and its records are the rows of the Parquet files.

`python -m tests.test_croissant` writes the golden files anew.
"""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import mlcroissant as mlc
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flickrexif.cards.croissant import croissant
from flickrexif.cards.description import read_description
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core.facts import Facts
from flickrexif.dataset.build import build
from flickrexif.dataset.kind import FLICKREXIF
from flickrexif.dataset.split_files import Split, write_split
from flickrexif.kinds import kind_of
from flickrexif.paircams.build import write_pairs
from flickrexif.paircams.pairing import read_pairs
from flickrexif.processing.build import ProcessSettings, process
from tests.raw_photos import SIMULATED, photo
from tests.test_process import jpeg

pytestmark = [  # of mlcroissant's reader
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]

GOLDEN = Path(__file__).with_name("golden")
HOSTILE = "**x** <script>alert(1)</script> | \"'`${{ }}` [a](http://b) \u202e\u200b &amp; end"
UNDATED = 'Property "https://schema.org/datePublished" is recommended, but does not exist.'
VALIDATE = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"the network was asked for: {arguments}")

sys.addaudithook(refuse)
from mlcroissant.scripts.cli import main
main()
"""


@dataclass(frozen=True)
class Built:
    """A data set with its Croissant file."""

    root: Path
    facts: Facts
    text: str

    @property
    def file(self) -> Path:
        return self.root / "croissant.json"

    @property
    def told(self) -> Any:
        return json.loads(self.text)


def described(root: Path) -> Built:
    facts = kind_of(root).describe(root)
    text = croissant(read_description(kind_of(root).name), facts, root)
    (root / "croissant.json").write_text(text)
    return Built(root, facts, text)


def flickrexif_folder(root: Path) -> Path:
    """Two months, with what may be null, and a split file whose name holds a space."""
    empty = photo(11, "2024-07", exif={}, title=None, owner_name=None, width=None, height=None)
    build([("2024-07", [photo(10, "2024-07"), empty]), ("2024-08", [photo(3), photo(1)])], root, SIMULATED)
    split = Split(
        target_attribute="ISO Speed",
        classes=("100", "200"),
        ids={"train": np.array([1, 3]), "val": np.array([10]), "test": np.array([11])},
        labels={"train": np.array([0, 1]), "val": np.array([0]), "test": np.array([1])},
    )
    write_split(split, root / "splits")
    return root


def paircams_folder(root: Path) -> Path:
    simulate_pairs(root / "source", 2, seed=1, side=64)
    images, faults = read_pairs(root / "source")
    assert faults == []
    write_pairs(images, (), root / "paircams")
    return root / "paircams"


def traces_folder(root: Path, names: tuple[str, str] = ("cat", "dog")) -> Path:
    """A variant and a draw of twelve training images, and a damaged one, and of four for validation."""
    for seed in range(16):
        path = root / "photos" / ("train" if seed < 12 else "val") / names[seed % 2] / f"{seed:02}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))
    (root / "photos/train" / names[0] / "empty.jpeg").write_bytes(b"")
    given = {"source": str(root / "photos"), "out": root / "traces", "shard_bytes": 6_000}
    process(ProcessSettings(**given, variants=("JPEG75_420",)))
    process(ProcessSettings(**given, parameter="jpeg", draw="uniform", seed=7))
    return root / "traces"


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "flickrexif": flickrexif_folder,
    "paircams": paircams_folder,
    "imagenet-traces": traces_folder,
}


@pytest.fixture(scope="module", params=FOLDERS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return described(FOLDERS[request.param](tmp_path_factory.mktemp(request.param)))


def issues(file: Path) -> set[str]:
    """Warnings that mlcroissant has on a file; errors are raised."""
    found: set[str] = mlc.Dataset(file).metadata.ctx.issues.warnings
    return found


def stable(text: str) -> str:
    """Without what other versions of the codecs change: their numbers, and sizes of encoded images."""
    text = re.sub(r"pillow [^\"]*?\. (?=[A-Z])", "CODECS. ", text)
    return re.sub(r"\d+\.\d kB", "N kB", text)


def test_golden(built: Built) -> None:
    golden = GOLDEN / f"croissant-{kind_of(built.root).name}.json"
    assert stable(built.text) == golden.read_text(encoding="utf-8")


def test_the_validator_finds_no_fault_and_needs_no_network(built: Built) -> None:
    command = [sys.executable, "-c", VALIDATE, "validate", "--jsonld", str(built.file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Done." in done.stderr
    expected = set() if built.facts.dates else {UNDATED}
    assert {line.partition("] ")[2] for line in done.stderr.splitlines() if line.startswith("  - ")} == expected


def test_the_validator_would_find_a_fault(built: Built) -> None:
    told = built.told
    told["recordSet"][0]["field"][1]["source"]["fileSet"]["@id"] = "nowhere"
    with pytest.raises(mlc.ValidationError):
        mlc.Dataset(told)


def test_the_same_data_give_the_same_bytes(built: Built) -> None:
    facts = kind_of(built.root).describe(built.root)
    assert croissant(read_description(kind_of(built.root).name), facts, built.root) == built.text
    assert built.text.endswith("}\n")
    assert str(built.root.parent) not in built.text


def test_records_are_the_rows_of_the_files(built: Built) -> None:
    loaded = mlc.Dataset(built.file)
    for config in built.facts.configs:
        rows = [
            {"split": split.name, **row}
            for split in config.splits
            for file in split.files
            for row in pq.read_table(built.root / file).to_pylist()
        ]
        records = list(loaded.records(config.name))
        assert len(records) == len(rows) > 0
        for record, row in zip(records, rows, strict=True):
            assert {key.partition("/")[2]: seen(value) for key, value in record.items()} == {
                name.replace(" ", "_"): seen(value) for name, value in row.items()
            }


def seen(value: Any) -> Any:
    """A value as Croissant's records and Parquet's rows both tell it; of an image its pixels."""
    if isinstance(value, dict):
        value = Image.open(io.BytesIO(value["bytes"]))
    if isinstance(value, Image.Image):
        return value.size, value.convert("RGB").tobytes()
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.decode() if isinstance(value, bytes) else value


def test_every_column_is_a_field_with_its_type(built: Built) -> None:
    sets = {one["@id"]: one for one in built.told["recordSet"]}
    types = {"sc:Text": str, "sc:Integer": int, "sc:Float": float, "sc:Boolean": bool, "sc:DateTime": datetime}
    for config in built.facts.configs:
        fields = {field["name"]: field for field in sets[config.name]["field"]}
        assert list(fields) == ["split", *(column.name for column in config.columns)]
        schema = pq.read_schema(built.root / config.splits[0].files[0])
        assert [name for name in fields if name != "split"] == schema.names
        rows = [row for file in config.splits[0].files for row in pq.read_table(built.root / file).to_pylist()]
        for column in config.columns:
            field = fields[column.name]
            assert column.description in field["description"]
            known = types.get(field["dataType"], dict)
            assert all(row[column.name] is None or type(row[column.name]) is known for row in rows)


def test_what_the_description_says_is_in_it(built: Built) -> None:
    description, told = read_description(kind_of(built.root).name), built.told

    def words(*texts: str) -> list[str]:
        return " ".join(texts).replace("**", "").split()

    def values(key: str) -> list[str]:
        value = told[key]
        return [*value] if isinstance(value, list) else [value]

    assert told["name"] == description.name
    assert told["citeAs"] == description.citation
    assert told["keywords"] == list(description.tags)
    assert words(*values("license")) == words(description.license_url, description.licenses)
    assert words(description.origins[built.facts.source])[0] == words(told["description"])[0]
    assert words(*values("rai:dataBiases")) == words(*description.biases, *built.facts.measured)
    assert words(*values("rai:dataLimitations")) == words(*description.limits)
    assert words(*values("rai:personalSensitiveInformation")) == words(description.personal_data)
    assert words(*values("rai:dataPreprocessingProtocol")) == words(description.preprocessing)
    assert words(*values("rai:dataReleaseMaintenancePlan")) == words(description.maintenance, description.takedown)
    assert len(values("rai:dataUseCases")) == len(description.intended_use + description.out_of_scope)
    assert words(told["rai:dataCollection"])[: len(words(description.collected))] == words(description.collected)
    assert told.get("rai:dataCollectionTimeFrame") == (list(built.facts.dates) if built.facts.dates else None)


def test_a_split_file_stands_with_its_hash(built: Built) -> None:
    files = [one for one in built.told["distribution"] if one["@type"] == "cr:FileObject"]
    assert len(files) == (kind_of(built.root) is FLICKREXIF)
    for one in files:
        done = subprocess.run(["sha256sum", built.root / one["contentUrl"]], capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == one["sha256"]
        assert one["contentSize"] == f"{(built.root / one['contentUrl']).stat().st_size} B"


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value:
            yield from strings(one)
        if isinstance(value, dict):
            yield from strings(list(value.values()))


def test_class_names_of_strangers_are_inert(tmp_path: Path) -> None:
    names = HOSTILE.replace("/", "∕"), "new\nline" + "y" * 200  # no folder's name holds a slash
    built = described(traces_folder(tmp_path, names))
    assert issues(built.file) == {f"[Metadata(imagenet-traces)] {UNDATED}"}
    found = [record["label_names/name"] for record in mlc.Dataset(built.file).records("label_names")]
    assert found == [
        " ".join(names[0].replace("\u202e", "").replace("\u200b", "").split()),
        "new line" + "y" * 191 + "…",
    ]
    check_inert(built.text)


def test_camera_models_of_strangers_are_inert(tmp_path: Path) -> None:
    simulate_pairs(tmp_path / "source", 1, seed=1, side=64)
    images, _ = read_pairs(tmp_path / "source")
    write_pairs([replace(image, make=HOSTILE, model=HOSTILE) for image in images], (), tmp_path / "out")
    built = described(tmp_path / "out")
    issues(built.file)
    assert "alert(1)" in built.text  # the model is named, and is text
    check_inert(built.text)


def check_inert(text: str) -> None:
    assert text.isascii()
    assert "<" not in text
    citation = json.loads(text)["citeAs"]
    assert all(one.isprintable() for one in strings(json.loads(text)) if one != citation)


def main() -> None:
    """Write the golden files."""
    from tempfile import TemporaryDirectory

    GOLDEN.mkdir(exist_ok=True)
    for name, make in FOLDERS.items():
        with TemporaryDirectory() as folder:
            text = stable(described(make(Path(folder) / "data")).text)
        (GOLDEN / f"croissant-{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
