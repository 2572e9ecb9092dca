"""Makes the records that ship as reference: every encoder that needs no download, on a named benchmark.

    python -m benchmarks.reference IMAGENETTE [--data-dir FOLDER]

Stop it at any time: the same command goes on. It takes some 40 minutes on two cores, most of it for lite1 and lite2.
"""

from argparse import ArgumentParser
from pathlib import Path

from flickrexif import evaluate, submit
from flickrexif.eval.suite import folder_of

ENCODERS = (
    *("control:random", "control:colour", "control:dct", "mini:plain", "mini:augmented"),
    *("lite0", "lite1", "lite2"),
)
REFERENCE = Path(__file__).parents[1] / "eval" / "benchmark" / "reference"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("images", help="the folder of the benchmark's images")
    parser.add_argument("--data-dir", default="build/reference")
    options = parser.parse_args()
    for encoder in ENCODERS:
        place = {"dataset": options.images, "data_dir": options.data_dir}
        print(evaluate(encoder, benchmark="imagenette-mini", device="cpu", **place))
        print(submit(encoder, data_dir=options.data_dir, out=REFERENCE / f"{folder_of(encoder)}.json"))


if __name__ == "__main__":
    main()
