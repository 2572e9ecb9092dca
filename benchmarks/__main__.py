"""All benchmarks that need no data of yours, one after the other, into one record of this machine.

    python -m benchmarks OUT.json [NAME…]

Each runs in a process of its own and prints what it measured. What is in OUT already is not run again, so a stopped
run goes on; name a bench to run it anew. docs/machines.md shows the records in benchmarks/machines/:
`python -m tests.test_machines` writes it.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

BENCHES = (
    "build", "card", "crawl", "day", "fetch", "knn", "labels", "layout", "operations", "pairs", "pictures", "probe",
    "process", "ray", "report", "sandbox", "sensitivity", "sequences", "splits", "takedowns", "torture", "yfcc100m",
)  # fmt: skip
PACKAGES = ("flickrexif", "numpy", "pandas", "pillow", "pyarrow", "torch")


def machine() -> dict[str, Any]:
    """Processor, cores, system, Python and the packages that decide the times."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def measured(name: str) -> dict[str, Any]:
    """What a bench printed, and what it took: seconds, CPU seconds, and the machine's load when it began."""
    load, before, start = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "command": " ".join(("python", *command[1:])),
        "exit_code": ended.returncode,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "load_at_start": round(load, 1),
        "printed": ended.stdout.splitlines(),
    }


def main() -> None:
    """Run what is missing, and write the record after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="NAME")
    options = parser.parse_args()
    record = json.loads(options.out.read_text()) if options.out.exists() else {"benches": {}}
    record["machine"] = machine()
    for name in options.names or [name for name in BENCHES if name not in record["benches"]]:
        print(name, flush=True)
        record["benches"][name] = measured(name)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
