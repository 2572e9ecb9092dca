"""Pairs out of PairCams data sets, where a subject is called by the id of a photo."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.kinds import Holder
from flickrexif.core.parquet import column_names, read_table, remove_rows
from flickrexif.core.photo_ids import is_ambiguous
from flickrexif.core.versions import fields_of
from flickrexif.paircams.build import write_record
from flickrexif.paircams.check import check
from flickrexif.paircams.fingerprint import rows_sha256
from flickrexif.paircams.pairing import read_pairs

SUBJECT = "subject_idx"
AGAIN = "Build it again, then run the same command again: flickrexif pairs build."


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    """Both images of a pair go; its record tells of the others, also where an earlier call was interrupted."""
    subjects = {int(photo_id) for photo_id in ids if not is_ambiguous(photo_id)}
    removed: dict[Path, Counter[str]] = {}
    for path in files:
        if path.parent.name == "data" and path.match("train-*.parquet") and SUBJECT in column_names(path):
            counts = removed.setdefault(path.parents[1], Counter())
            counts["images of pairs"] += remove_rows(path, SUBJECT, subjects, AGAIN, write=write)
    for root in removed if write else ():
        _write_record(root)
    return removed


HOLDER = Holder(forget=_forget)


def _write_record(root: Path) -> None:
    """Write `pairs.json` where it tells of other rows."""
    path, files = root / "pairs.json", sorted((root / "data").glob("train-*.parquet"))
    digest = rows_sha256(files)
    try:
        if fields_of(json.loads(path.read_bytes()), path)["rows_sha256"] == digest:
            return
    except FileNotFoundError:  # the data set was never whole
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FlickrExifError(f"{path} cannot be read ({str(error)[:80]}).", AGAIN) from None
    simulated = read_table(files, ["simulated"])["simulated"].to_pylist() if files else []
    findings = check(read_pairs(root)[0]) if files else []
    write_record(root, len(simulated) // 2, sum(simulated), findings, digest)
