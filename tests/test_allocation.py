"""Freed memory is kept: counted in the pages that the kernel hands out."""

import platform
import subprocess
import sys

COUNT = """
import resource, sys
import numpy as np
from flickrexif.eval.embed.allocation import keep_freed_memory
if sys.argv[1] == "keep":
    print(keep_freed_memory())
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(2**23)  # 64 MiB
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_freed_block_is_used_again() -> None:
    (without,) = pages("")
    kept, with_it = pages("keep")
    if platform.libc_ver()[0] == "glibc":
        assert kept == "True"
        assert int(with_it) < int(without) / 10
    else:
        assert kept == "False"
