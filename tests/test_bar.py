"""What commands show while they run."""

import io

from flickrexif.cli.progress import Progress
from tests.test_progress import Moments


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_shows_how_many_and_failures() -> None:
    progress = Progress("image", file := Terminal())
    for done, failures in ((0, {}), (5, {}), (10, {"damaged": 2, "empty": 1})):
        progress(done, 10, failures)
    progress.close()
    assert "10/10" in file.getvalue()
    assert "image/s" in file.getvalue()
    assert "2 damaged, 1 empty" in file.getvalue()


def test_elsewhere_it_is_quiet_at_first_and_then_prints_a_line_now_and_then() -> None:
    moments = Moments()
    progress = Progress("photo", file := io.StringIO(), moments)
    for done in range(0, 90, 2):
        progress(done, 100, {"damaged": 1} if done > 30 else {})
        moments.now += 1
    progress.close()
    assert file.getvalue().splitlines() == [
        "60 of 100 photos, 2.0 photos/s, time left 0:00:20; failed: 1 damaged",
    ]
