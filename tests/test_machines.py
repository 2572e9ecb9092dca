"""docs/machines.md shows the records of benchmarks/machines/. `python -m tests.test_machines` writes it anew."""

import json
from pathlib import Path
from typing import Any

from benchmarks.__main__ import BENCHES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "machines.md"
RECORDS = sorted((ROOT / "benchmarks" / "machines").glob("*.json"))
HEAD = """# Benchmarks by machine

What each bench printed, a section a machine. Made with `python -m benchmarks benchmarks/machines/NAME.json`; what the
numbers mean is told in [benchmarks](benchmarks.md). Other work may have shared the machine: see the
load. Ratios that a bench prints are of runs in turn in one process.
"""


def section(record: dict[str, Any]) -> str:
    machine = record["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    title = f"## {machine['processor']}, {machine['cores']} cores"
    parts = [f"{title}\n\n{machine['system']}, Python {machine['python']}; {packages}."]
    for name in (name for name in BENCHES if name in record["benches"]):
        bench = record["benches"][name]
        took = f"{bench['seconds']:,} s, {bench['cpu_seconds']:,} s of CPU, load {bench['load_at_start']} at the start"
        printed = "\n".join(bench["printed"])
        parts.append(f"`{bench['command']}`: {took}.\n\n```\n{printed}\n```")
    return "\n\n".join(parts)


def page() -> str:
    return "\n".join([HEAD, *(section(json.loads(path.read_text("utf-8"))) + "\n" for path in RECORDS)])


def test_the_page_shows_the_records() -> None:
    assert RECORDS
    assert PAGE.read_text("utf-8") == page(), "run `python -m tests.test_machines`"


def test_every_bench_is_run_or_wants_data_or_another_time() -> None:
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"__init__", "__main__"}
    wants_data = {"allocation", "augmentation", "augmentation_figure", "embed", "reference"}
    assert files - wants_data == set(BENCHES)
    for record in map(json.loads, (path.read_text("utf-8") for path in RECORDS)):
        assert all(bench["exit_code"] == 0 for bench in record["benches"].values())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
