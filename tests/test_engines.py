"""The engines: every unit done once, progress counted, failures and deaths as sentences, nothing left running."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.processing.engines import Tick, local, ray
from tests.ray_environ import RAY

ROOT = Path(__file__).parents[1]


def write(folder: Path, unit: int, tick: Tick) -> None:
    """Leaves a file a unit, with the process that made it; unit 3 has a failure."""
    with (folder / f"{unit}").open("x") as file:
        file.write(f"{os.getpid()}")
    tick(1, {})
    tick(2, {"damaged": 1} if unit == 3 else {})


def complain(unit: int, tick: Tick) -> None:
    if unit == 2:
        raise UsageError("The disk is full.", "Buy one.")
    tick(1, {})


def forever(unit: int, tick: Tick) -> None:
    while unit:
        tick(1, {})
        time.sleep(0.01)
    raise FlickrExifError("Unit 0 failed.")


class Count:
    def __init__(self) -> None:
        self.images = 0
        self.failed: Counter[str] = Counter()

    def __call__(self, images: int, failed: Mapping[str, int]) -> None:
        self.images += images
        self.failed.update(failed)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_unit_is_done_and_counted(tmp_path: Path, workers: int) -> None:
    count = Count()
    local.run(range(20), partial(write, tmp_path), count, workers=workers)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(20))
    assert (count.images, count.failed) == (60, {"damaged": 1})
    processes = {path.read_text() for path in tmp_path.iterdir()}
    assert (str(os.getpid()) in processes) == (workers == 1)
    assert len(processes) <= workers


def test_units_are_taken_as_there_is_room(tmp_path: Path) -> None:
    ahead = []

    def units() -> Iterator[int]:
        for unit in range(40):
            ahead.append(unit - len(list(tmp_path.iterdir())))
            yield unit

    local.run(units(), partial(write, tmp_path), Count(), workers=2)
    assert max(ahead) <= 2 * local.AHEAD


def test_nothing_to_do() -> None:
    local.run([], complain, Count(), workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_raises_arrives_whole(workers: int) -> None:
    with pytest.raises(UsageError, match="The disk is full") as caught:
        local.run(range(5), complain, Count(), workers=workers)
    assert (caught.value.hint, caught.value.exit_code) == ("Buy one.", 2)


def test_a_failure_stops_the_units_under_way() -> None:
    with pytest.raises(FlickrExifError, match="Unit 0 failed"):
        local.run([1, 0], forever, Count(), workers=2)


ENDLESS = """
    import multiprocessing, os, signal, sys
    from flickrexif.processing.engines import local
    from tests.test_engines import forever

    def tick(images, failed):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        {what}

    try:
        local.run([1, 2], forever, tick, workers=2)
    except KeyboardInterrupt:
        print("interrupted")
"""


def endless(what: str) -> "subprocess.CompletedProcess[str]":
    """Run endless work in a process group of its own that does `what` at its first sign of progress."""
    code = textwrap.dedent(ENDLESS).format(what=what)
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, start_new_session=True, timeout=60, check=False
    )


def ends(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody has waited for, within a while."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_ctrl_c_stops_parent_and_workers() -> None:
    done = endless("os.killpg(0, signal.SIGINT)")
    *workers, said = done.stdout.split()
    assert (said, done.returncode, done.stderr) == ("interrupted", 0, "")
    assert len(workers) >= 2
    assert all(ends(int(pid)) for pid in workers)


def test_workers_do_not_outlive_a_killed_parent() -> None:
    done = endless("os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
    workers = done.stdout.split()
    assert len(workers) == 2
    assert all(ends(int(pid)) for pid in workers)


def test_without_ray_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what an import finds where it is not installed
    with pytest.raises(UsageError, match="needs ray") as caught:
        ray.run([], complain, Count(), workers=1)
    assert "pip install 'flickrexif[ray]'" in caught.value.hint


PROGRAM = """
    import json
    from functools import partial
    from pathlib import Path
    from flickrexif.core.errors import FlickrExifError
    from flickrexif.processing.engines import ray
    from tests.test_engines import Count, complain, write

    count = Count()
    try:
        ray.run(range({units}), {work}, count, workers=2, address={address!r})
        print(json.dumps([count.images, count.failed]))
    except FlickrExifError as error:
        print(json.dumps([type(error).__name__, error.message, error.hint]))
"""


def on_ray(home: Path, units: int, work: str, address: str | None = None) -> list[object]:
    """What a program that runs the units on Ray prints; Ray keeps the token it makes below `home`."""
    code = textwrap.dedent(PROGRAM).format(units=units, work=work, address=address)
    command = [sys.executable, "-c", code]
    environment = {**os.environ, **RAY, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=True)
    said: list[object] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_ray_does_every_unit_and_counts_it(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    assert on_ray(tmp_path, 20, f"partial(write, Path({str(folder)!r}))") == [60, {"damaged": 1}]
    assert sorted(int(path.name) for path in folder.iterdir()) == list(range(20))


def test_what_the_work_raises_arrives_whole_from_ray(tmp_path: Path) -> None:
    assert on_ray(tmp_path, 5, "complain") == ["UsageError", "The disk is full.", "Buy one."]


def test_no_ray_cluster_at_the_address(tmp_path: Path) -> None:
    kind, message, hint = on_ray(tmp_path, 5, "complain", "127.0.0.1:1")
    assert (kind, hint) == ("UsageError", "Check --address.")
    assert "cannot be reached" in str(message)
