"""How long images take to embed when freed memory is kept, against giving it back to the system as glibc does.

    python -m benchmarks.allocation FOLDER [--encoder lite0] [--runs 3]

Each run is a process of its own; the two ways take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile

RUN = """
import json, resource, sys, time
from pathlib import Path
from flickrexif.eval.embed import run as embed
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.encoders import Candidate, expand
from flickrexif.eval.data.formats import open_images
folder, name, out, way = sys.argv[1:]
if way == "given back":
    embed.keep_freed_memory = lambda: False
candidates = [Candidate(spec, Candidate(spec).load()) for spec in expand([name])]
work = [Work(source, combos_of()) for source in open_images(folder)]
start = time.perf_counter()
embed.embed(EmbedSettings(out=Path(out), device="cpu"), candidates, work)
used = resource.getrusage(resource.RUSAGE_SELF)
told = {"seconds": time.perf_counter() - start, "faults": used.ru_minflt, "peak_mb": used.ru_maxrss // 1024}
print(json.dumps(told | {"system": used.ru_stime, "user": used.ru_utime}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="an image set, as `flickrexif embed --dataset` takes it")
    parser.add_argument("--encoder", default="lite0")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    told: dict[str, list[dict[str, float]]] = {"given back": [], "kept": []}
    for _ in range(arguments.runs):
        for way, runs in told.items():
            with tempfile.TemporaryDirectory() as out:
                command = [sys.executable, "-c", RUN, arguments.folder, arguments.encoder, out, way]
                runs.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    medians = {way: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for way, runs in told.items()}
    for way, found in medians.items():
        print(f"{way}: " + ", ".join(f"{key} {value:,.1f}" for key, value in found.items()))
    print(f"kept: {medians['given back']['seconds'] / medians['kept']['seconds']:.2f} times as fast")


if __name__ == "__main__":
    main()
