"""Every command and every piece of code in the README runs, in its order, in one folder.

What would need Flickr gets the embedded server, and what would need the Hub a stand-in on loopback.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.collectors.sandbox.responses import Response
from tests.forked import forks
from tests.hub import Hub, serving
from tests.hub_repo import User
from tests.suite_data import write_split
from tests.test_fetch import IDS, Moody, rows_of
from tests.test_reproduce import repo
from tests.yfcc100m_files import Photo, write

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOKEN = "hf_readme"
MORE = {  # what a command is given beside what the README says
    "flickrexif crawl --month 2024-08 --images large": ("--sandbox", "--target", "80", "--minimum", "40"),
    "flickrexif crawl --from 2000-01 --to 2024-08": ("--dry-run", "--sandbox"),  # 296 months
    "flickrexif refresh --month 2024-08": ("--sandbox",),
    "flickrexif crawl --source yfcc100m --files path/to/yfcc100m --month 2010-05 --data-dir yfcc100m": (
        "--target",
        "4",
        "--minimum",
        "1",
    ),
    "flickrexif eval all --encoder lite0 --encoder @ctl --set protocol=fast": ("--set", "masking.ratios=0,0.5"),
}
SHORT = {"flickrexif splits --protocol proportional": 3}  # one month has one year: that attribute has no split
ELSEWHERE = ("make demo", "make test", "pip install", "export ")  # the demo, CI and test_wheel run the first three


def steps() -> list[str]:
    """The commands, and the blocks of Python, in the README's order."""
    found = []
    for language, block in BLOCK.findall(README):
        lines = [block] if language == "python" else [line.partition(" #")[0].strip() for line in block.splitlines()]
        found += [line for line in lines if line and not line.startswith(ELSEWHERE)]
    return found


def arguments(step: str) -> list[str]:
    """What Python is given to run a step."""
    if not step.startswith("flickrexif "):
        return ["-c", step]
    words = [word.replace("~", "home", 1) if word.startswith("~/") else word for word in shlex.split(step)]
    return ["-m", "flickrexif", *words[1:], *MORE.get(step, ())]


def prepare(folder: Path) -> None:
    """What the README takes for granted: photos, images in classes, pairs, split files, two other crawls."""
    (folder / "path/to").mkdir(parents=True)
    write_split(folder / "path/to/splits", "Make", ["Apple", "Canon"], IDS)
    simulate_pairs(folder / "path/to/pairs", 6, 0)
    write(folder / "path/to/yfcc100m", map(photo_of_yfcc100m, range(8)))
    shots = sorted((folder / "path/to/pairs").rglob("*.jpg"))
    (folder / "home/Pictures").mkdir(parents=True)
    (folder / "home/Pictures/a.jpg").write_bytes(shots[0].read_bytes())
    for number, shot in enumerate(shots[:12]):
        split, label = ("val", "train", "train")[number % 3], ("n01", "n02")[number % 2]
        target = folder / f"path/to/imagenet/{split}/{label}/{number}.JPEG"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(shot) as image:
            image.resize((160, 120)).save(target)
    shutil.copytree(folder / "path/to/imagenet", folder / "path/to/photos")


def photo_of_yfcc100m(number: int) -> Photo:
    return Photo(id=4_000_000_000 + number, owner=f"1000000{number}@N00")


def noise(photo: int) -> Response:
    """A picture of its own for each photo, with something in its middle for an encoder to see."""
    memory = io.BytesIO()
    Image.fromarray(np.random.default_rng(photo).integers(0, 256, (72, 96, 3), np.uint8)).save(memory, "JPEG")
    return Response(200, memory.getvalue(), "image/jpeg")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.CompletedProcess[str]]]:
    """All steps, run once, one after the other."""
    folder = tmp_path_factory.mktemp("readme")
    prepare(folder)
    with serving(Hub(users={TOKEN: User("user")})) as hub, Moody(IDS) as server:
        server.answer = noise
        hub.repos["CTU-OU/FlickrExif"] = repo(pa.table(rows_of(server, IDS)))
        environ = {
            **{name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS")},
            "HOME": str(folder / "home"),
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": TOKEN,
            "PYTHONPATH": str(ROOT),
        }

        with forks(folder, environ) as run:
            for seed, name in enumerate(("first", "second"), start=1):
                crawl = f"flickrexif crawl --month 2024-07 --sandbox --target 5 --minimum 1 --seed {seed}"
                assert run(arguments(f"{crawl} --data-dir {name}")).returncode == 0
            yield {step: run(arguments(step)) for step in steps()}


def test_the_readme_has_commands_and_code() -> None:
    found = steps()
    assert len(found) == len(set(found))
    assert sum(step.startswith("flickrexif ") for step in found) >= 20
    assert set(MORE) | set(SHORT) <= set(found)


@pytest.mark.parametrize("step", steps(), ids=lambda step: step.splitlines()[0][:60])
def test_a_step_of_the_readme_runs(step: str, done: dict[str, subprocess.CompletedProcess[str]]) -> None:
    ended = done[step]
    assert ended.returncode == SHORT.get(step, 0), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_pages_and_figures_that_the_readme_names_are_there() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
