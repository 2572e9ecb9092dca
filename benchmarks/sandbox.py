"""How fast the simulated population makes photos and images: `python benchmarks/sandbox.py`."""

import time
import tracemalloc
from datetime import datetime

from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

EXIFS, IMAGES = 5_000, 40


def main() -> None:
    """Print photos/s, the memory of a month, getExif answers/s and images/s."""
    population = SimulatedPopulation()
    august = datetime(2024, 8, 1), datetime(2024, 8, 31, 23, 59, 59)
    population.taken_between(datetime(2012, 8, 2), datetime(2012, 8, 3))  # draws the photographers
    start = time.perf_counter()
    photos = population.taken_between(*august)
    taken = time.perf_counter() - start
    print(f"month of {len(photos):,}: {taken:.2f} s, {len(photos) / taken:,.0f} photos/s")

    tracemalloc.start()
    population.taken_between(datetime(2013, 8, 2), datetime(2013, 8, 3))
    kept, peak = (number / 1e6 for number in tracemalloc.get_traced_memory())
    print(f"memory of a month: {kept:.0f} MB kept, {peak:.0f} MB peak")
    tracemalloc.stop()

    start = time.perf_counter()
    for photo in photos[:EXIFS]:
        population.exif(photo)
    print(f"getExif: {EXIFS / (time.perf_counter() - start):,.0f} answers/s")

    population.image(photos[0], "l")  # loads the scenes
    for size in "ol":
        start = time.perf_counter()
        for photo in photos[100 : 100 + IMAGES]:
            population.image(photo, size)
        print(f"size {size}: {IMAGES / (time.perf_counter() - start):.1f} images/s")


if __name__ == "__main__":
    main()
