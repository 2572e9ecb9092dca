"""What `flickrexif process` shows while it runs."""

import io

from flickrexif.processing.progress import ProcessProgress


def test_progress_on_a_terminal_shows_images_and_failures() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    progress = ProcessProgress(file)
    for done, failures in ((0, {}), (5, {}), (10, {"damaged": 2, "empty": 1})):
        progress(done, 10, failures)
    progress.close()
    assert "10/10" in file.getvalue()
    assert "image/s" in file.getvalue()
    assert "2 damaged, 1 empty" in file.getvalue()


def test_progress_elsewhere_is_quiet_at_first() -> None:
    progress = ProcessProgress(file := io.StringIO())
    progress(0, 10, {})
    progress(10, 10, {})
    progress.close()
    assert file.getvalue() == ""
