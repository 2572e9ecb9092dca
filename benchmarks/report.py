"""How long a report of many encoders takes, and how large its page is.

    python -m benchmarks.report [--encoders 51] [--baseline]

Wanted for 51 encoders and every task: under 20 s, all figures in three formats included, and a page under 3 MB. Making
the records is not counted; starting Python and importing is.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flickrexif.eval.results import write_result
from tests.report_records import records


def make(folder: Path, encoders: int, seed: int) -> int:
    """Records of every task for the encoders, 2,000 points in each t-SNE; returns how many."""
    made = records(encoders, seed=seed, points=2_000)
    for path, result in made:
        write_result(folder / path, result)
    return len(made)


def seconds(*arguments: object) -> float:
    """Of one report, in a new process."""
    code = (
        "import sys; from pathlib import Path; from flickrexif.eval.report.build import write_report\n"
        "if __name__ == '__main__':\n"
        "    results, out, formats, *other = sys.argv[1:]\n"
        "    baseline = Path(other[0]) if other else None\n"
        "    write_report(Path(results), Path(out), baseline=baseline, formats=formats.split(',') if formats else ())\n"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)
    return time.perf_counter() - start


def core() -> float:
    """Seconds of one core that all processes so far have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", type=int, default=51)
    parser.add_argument("--baseline", action="store_true", help="compare with a second run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        count = make(root / "results", options.encoders, 0)
        other = [root / "other"] if options.baseline else []
        for folder in other:
            make(folder, options.encoders, 1)
        for formats in ("", "png,svg,pdf"):
            before = core()
            took = seconds(root / "results", root / "report", formats, *other)
            print(f"{options.encoders} encoders, {count:,} records, figures as {formats or 'the page alone'}: ", end="")
            print(f"{took:.1f} s, {core() - before:.1f} s of one core")
        page = (root / "report/index.html").stat().st_size
        files = [path for path in (root / "report").rglob("*") if path.is_file()]
        print(f"page: {page / 1e6:.2f} MB; {len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
