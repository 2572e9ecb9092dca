"""One file of an encoder's records of a named benchmark: what ships as reference, and what one gives to be compared.

docs/benchmark.md describes the format; it is checked whenever it is written or read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.data.benchmark import ORIGIN, Benchmark, benchmark_of
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.encoders.own import UNREVISED
from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.measure.base import typed
from flickrexif.eval.results import PACKAGES, SCHEMA_VERSION, Result, from_json, plain_values
from flickrexif.eval.suite import measurements

FORMAT = "flickrexif benchmark records 1"
# A folder of some machine: /home/me, C:\\Users; OWNER/NAME and names of files are none.
PLACE = re.compile(r"(?<![\w.:-])(?:~|/[\w.~ -]+)/|\b[A-Za-z]:\\|\\\\")
NEEDED = {"flickrexif", "numpy", "torch", "python"} & {*PACKAGES, "python"}  # of whose versions a record must tell


def expected_settings(benchmark: Benchmark) -> Mapping[tuple[str, str], Any]:
    """(task, parameter) of each measurement of the benchmark -> its settings, as a record has them."""
    data = DataSet(name=benchmark.name, processed=True)
    made = (measurement for _, measurement, _ in measurements([data], benchmark.tasks, benchmark.settings))
    return {(m.task, str(m.parameter)): plain_values(m.settings) for m in made}


def to_text(benchmark: Benchmark, encoder: str, results: Sequence[Result]) -> str:
    """The file of those of the results that are the benchmark's measurements of that encoder, a line a record.

    Raises FlickrExifError with all that is wrong with them.
    """
    expected = expected_settings(benchmark)
    chosen = {
        of: _without_machine(result)
        for result in results
        if (result.encoder, result.dataset) == (encoder, benchmark.name)
        and (of := (result.task, str(result.parameter))) in expected
        and plain_values(result.settings) == expected[of]
    }
    _check(benchmark, encoder, list(chosen.values()))
    lines = [_compact({"schema_version": SCHEMA_VERSION, **plain_values(chosen[of])}) for of in sorted(chosen)]
    head = {"format": FORMAT, "benchmark": benchmark.name, "encoder": encoder}
    return _compact(head)[:-1] + ',"records":[\n' + ",\n".join(lines) + "\n]}\n"


def _without_machine(result: Result) -> Result:
    """The record without the name of the system's build and the time that it took there."""
    versions = {name: version for name, version in result.versions.items() if name != "platform"}
    return replace(result, versions=versions, seconds=0.0)


def from_text(text: str, where: str) -> list[Result]:
    """The records of a file, by task and parameter. FlickrExifError with all that is wrong with it."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise FlickrExifError(f"{where} is no JSON ({error}).", AGAIN) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("records"), list):
        raise FlickrExifError(f"{where} is no file of benchmark records.", AGAIN)
    results = [from_json(json.dumps(record), where) for record in content["records"]]
    results = [typed(r, MEASUREMENTS[r.task], where) if r.task in MEASUREMENTS else r for r in results]
    _check(benchmark_of(str(content.get("benchmark"))), str(content.get("encoder")), results)
    return results


AGAIN = "Write it anew: flickrexif submit ENCODER."


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _check(benchmark: Benchmark, encoder: str, results: Sequence[Result]) -> None:
    """FlickrExifError where the records are not the whole benchmark, or tell what is nobody's business."""
    if problems := list(_problems(benchmark, encoder, results)):
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        command = f"flickrexif eval --benchmark {benchmark.name} --dataset {benchmark.folder} --encoder {encoder[:80]}"
        message = f"The records of {encoder[:80]} are not those of {benchmark.name}: {'; '.join(problems[:5])}{more}."
        raise FlickrExifError(message, f"Measure them: {command}")


def _problems(benchmark: Benchmark, encoder: str, results: Sequence[Result]) -> Iterator[str]:
    expected = expected_settings(benchmark)
    measured = [(result.task, str(result.parameter)) for result in results]
    for of in expected:
        if measured.count(of) != 1:
            yield f"{' '.join(of)} is {'missing' if of not in measured else 'there twice'}"
    for of, result in zip(measured, results, strict=True):
        for problem in _problems_of(benchmark, encoder, result, expected.get(of)):
            yield f"{' '.join(of)} {problem}"
    if len({result.encoder_digest for result in results}) > 1:
        yield "they are of different weights"


def _problems_of(benchmark: Benchmark, encoder: str, result: Result, settings: Any) -> Iterator[str]:
    """What is wrong with one record; `settings` are those of the benchmark."""
    if (result.encoder, result.dataset, result.origin) != (encoder, benchmark.name, ORIGIN):
        yield "is of another encoder or other photos"
    if plain_values(result.settings) != settings:
        yield "has other settings"
    if result.state != "measured" or result.reason or None in _headlines(result):
        yield f"has no numbers ({result.reason or result.state})"
    if not result.encoder_digest or result.encoder_digest.startswith(UNREVISED):
        yield "does not tell which weights it is of (give a revision)"
    if missing := sorted(NEEDED - result.versions.keys()):
        yield f"does not tell the versions of {', '.join(missing)}"
    home = str(Path.home())
    if private := [text for text in _texts(plain_values(result)) if home in text or PLACE.search(text)]:
        yield f"names a folder of a machine ({private[0][:60]})"


def _headlines(result: Result) -> list[float | None]:
    kind = MEASUREMENTS.get(result.task)
    return [result.metrics.get(name) for name in kind.headlines] if kind else []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _texts(item))
