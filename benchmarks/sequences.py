"""Random sequences of crawls of one month, with other targets, faults and kills: the photos are those of a fresh crawl.

    python -m benchmarks.sequences [--cases 5000]

The test `tests/test_settings_sequence.py` runs 100 cases.
"""

import argparse
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.test_settings_sequence import assert_as_fresh, sequences, servers


def main() -> None:
    """Print how many cases held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    cases, held, begun = parser.parse_args().cases, 0, time.perf_counter()
    with servers() as sandboxes:

        @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @sequences
        def check(which: int, before: list[tuple[int, int | None, int]], last: int) -> None:
            nonlocal held
            with tempfile.TemporaryDirectory() as folder:
                assert_as_fresh(Path(folder), sandboxes[which], before, last)
            held += 1

        check()
    print(f"{held:,} sequences, each like a fresh crawl, in {time.perf_counter() - begun:,.0f} s")


if __name__ == "__main__":
    main()
