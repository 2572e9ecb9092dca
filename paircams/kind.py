"""What a folder of PairCams is."""

import json
import re
from functools import partial
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.kinds import Configs, DataSetKind, named_files
from flickrexif.core.parquet import column_names
from flickrexif.core.text import reason_of
from flickrexif.core.versions import fields_of
from flickrexif.paircams.facts import AGAIN, paircams_facts
from flickrexif.paircams.fingerprint import rows_sha256

FILE_NAMES = re.compile(r"pairs\.json|data/train-[\w-]+\.parquet")


def configs(folder: Path) -> Configs:
    """The one config, `default`."""
    files = sorted((folder / "data").glob("train-*.parquet"))
    return {"default": {"train": files}} if files else {}


def fingerprint(folder: Path) -> str:
    """`.huggingface.yaml`: `datasets` caches a local folder under a hash of its front matter, not of its files."""
    files = configs(folder).get("default", {}).get("train", ())
    return f"dataset_info:\n- config_name: default\n  description: 'sha256 {rows_sha256(files)}'\n"


def origin(folder: Path) -> str:
    """`simulated` when a program made some of the images, else `real`; "" without `pairs.json`."""
    path = folder / "pairs.json"
    try:
        record = fields_of(json.loads(path.read_bytes()), path)
        return "simulated" if record["simulated_images"] else "real"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = reason_of(error)
        raise FlickrExifError(f"{path} cannot be read ({reason}).", AGAIN) from None


def _recognises(folder: Path) -> bool:
    """By its `pairs.json`; without one, which is written last, by rows of subjects."""
    if (folder / "pairs.json").is_file():
        return True
    files = sorted((folder / "data").glob("train-*.parquet"))
    try:
        return bool(files) and "subject_idx" in column_names(files[0])
    except FlickrExifError:
        return False


PAIRCAMS = DataSetKind(
    name="paircams",
    made_by="flickrexif pairs build SOURCE --out data/paircams",
    hub="CTU-OU/PairCams",
    file_names=FILE_NAMES,
    images={"IDENTITY": "default"},
    recognises=_recognises,
    origin=origin,
    configs=configs,
    files=partial(named_files, file_names=FILE_NAMES),
    fingerprint=fingerprint,
    describe=paircams_facts,
)
