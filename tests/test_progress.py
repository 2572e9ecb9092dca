"""Progress of a crawl: lines where stderr is a file, a bar where it is a terminal."""

import io
import os
import pty
import re
import threading
from contextlib import suppress

from flickrexif.collectors.progress import LINE_EVERY, CrawlProgress


class Moments:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_file_gets_a_line_now_and_then() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.month("2024-08", 100, 4_000)
    for second in range(90):
        moments.now = 1_000 + second
        progress.called()
        if second % 3 == 0:
            progress.kept()
    progress.close()
    lines = file.getvalue().splitlines()
    # At 30 s: 31 calls in 30 s, 10 photos in 30 s, 3,890 to go at one in 3 s.
    assert lines == [
        "2024-08: 110 of 4,000 photos, 31 calls, 3,720/h, time left 3:14:30",
        "2024-08: 120 of 4,000 photos, 61 calls, 3,660/h, time left 3:14:00",
    ]


def test_no_photo_yet_no_time_left() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.begin(2)
    progress.month("2024-08", 0, 10)
    moments.now += LINE_EVERY
    progress.called()
    assert file.getvalue() == "2024-08 (1/2): 0 of 10 photos, 1 calls, 3,600/h, time left unknown\n"


def test_the_rate_is_that_of_the_last_hour() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.month("2024-08", 0, 10)
    for _ in range(500):
        progress.called()
    moments.now += 7_200
    progress.called()
    moments.now += 3_600
    progress.called()
    rates = re.findall(r"([\d,]+) calls, ([\d,]+)/h", file.getvalue())
    assert rates == [("501", "3,600"), ("502", "2")]


def test_images_are_counted_after_the_last_photo_too() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.month("2024-08", 0, 2)
    progress.called()
    for _ in range(2):
        progress.kept()
    for done in range(1, 41):
        moments.now += 1
        progress.images(done, 40)
    # At 30 s: 30 of 40 in 30 s, the first of them when the count began.
    assert file.getvalue() == "2024-08: 2 of 2 photos, 30 of 40 images, 1 calls, 120/h, time left 0:00:10\n"


def test_on_a_terminal_the_bar_goes_on_with_the_images() -> None:
    main, side = pty.openpty()
    with os.fdopen(side, "w") as file:
        progress = CrawlProgress(file)
        progress.month("2024-08", 0, 2)
        for _ in range(2):
            progress.kept()
        for done in range(1, 6):
            progress.images(done, 5)
        progress.close()
    text = read_all(main)
    assert "2/2" in text
    assert "5/5" in text


def test_each_month_begins_its_own_count() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.begin(2)
    for month, kept in (("2024-07", 3), ("2024-08", 0)):
        progress.month(month, kept, 4)
        progress.kept()
        moments.now += LINE_EVERY
        progress.called()
    lines = file.getvalue().splitlines()
    assert [line.split(" photos")[0] for line in lines] == ["2024-07 (1/2): 4 of 4", "2024-08 (2/2): 1 of 4"]
    assert [line.rpartition(" ")[2] for line in lines] == ["0:00:00", "0:01:30"]


def test_calls_before_the_first_month_count() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.called()
    progress.close()
    progress.month("2024-08", 0, 10)
    moments.now += LINE_EVERY
    progress.called()
    assert "2 calls" in file.getvalue()


def test_nothing_is_lost_between_threads() -> None:
    file, moments = io.StringIO(), Moments()
    progress = CrawlProgress(file, moments)
    progress.month("2024-08", 0, 8_000)

    def work() -> None:
        for _ in range(500):
            progress.called()
            progress.kept()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments.now += LINE_EVERY
    progress.called()
    assert file.getvalue().startswith("2024-08: 4,000 of 8,000 photos, 4,001 calls, ")


def read_all(terminal: int) -> str:
    """What was written to a terminal whose other side is closed."""
    parts = []
    with os.fdopen(terminal, "rb", buffering=0) as file, suppress(OSError):  # EIO: the end
        while part := file.read(4_096):
            parts.append(part)
    return b"".join(parts).decode()


def test_a_terminal_gets_a_bar() -> None:
    main, side = pty.openpty()
    with os.fdopen(side, "w") as file:
        progress = CrawlProgress(file)
        progress.month("2024-08", 5, 8)
        progress.called()
        for _ in range(3):
            progress.kept()
        progress.close()
    text = read_all(main)
    assert "2024-08:" in text
    assert "8/8" in text
    assert "1 calls" in text
