"""The allocator of the C library, told to keep what is freed for the next image.

glibc takes blocks of more than some MB from the kernel one by one and gives them back when they are freed; an encoder
on the CPU frees and takes hundreds of them a batch, and each time the kernel clears every page anew
(docs/benchmarks.md tells what that costs). See mallopt(3).
"""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEEP = (
    (M_MMAP_MAX, 0),  # all blocks from the heap, which keeps them
    (M_TRIM_THRESHOLD, 2**31 - 1),  # bytes free at its end before any are given back
    (M_TOP_PAD, 2**26),  # bytes that the heap grows by at a time
)


def keep_freed_memory() -> bool:
    """Set it for this process; False, and nothing changes, where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return all(mallopt(setting, value) for setting, value in KEEP)
