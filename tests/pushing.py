"""Data sets that are pushed to the Hub's stand-in, and what is read back."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi

from flickrexif.cards import write_card
from flickrexif.cards.files import published_files
from flickrexif.cards.publish import PublishPlan, PublishReport, PublishSettings, plan, publish
from flickrexif.dataset.build import build
from flickrexif.dataset.images import StoredImage
from flickrexif.kinds import kind_of
from tests.hub import Hub
from tests.hub_repo import User
from tests.raw_photos import SIMULATED, photo
from tests.test_build import jpeg

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[1]
REPO = "jo/flickrexif"
TOKEN = "hf_writerwriterwriter"
USERS = {
    TOKEN: User("jo", ("CTU-OU",)),
    "hf_readerreaderreader": User("jo", writes=False),
    "hf_strangerstranger": User("ann"),
}


def make(root: Path, store: Path, ids: dict[str, list[int]]) -> None:
    """A data set with images, described; `store` holds the image files."""
    images = {}
    store.mkdir(exist_ok=True)
    for month, photos in ids.items():
        paths = {i: store / f"{i}_b.jpg" for i in photos}
        for i, path in paths.items():
            path.write_bytes(jpeg(48, i))
        sums = {i: hashlib.sha256(path.read_bytes()).hexdigest() for i, path in paths.items()}
        images[month] = [StoredImage(i, path, sums[i], 48, 48, "l") for i, path in paths.items()]
    build([(month, [photo(i, month) for i in found]) for month, found in ids.items()], root, SIMULATED, images.get)
    write_card(root)


def local(root: Path) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in published_files(kind_of(root), root)}


def remote(hub: Hub, revision: str = "main", repo: str = REPO) -> dict[str, bytes]:
    files = hub.files(repo, revision)
    del files[".gitattributes"]
    return files


def push(hub: Hub, root: Path, token: str = TOKEN, **settings: object) -> tuple[PublishPlan, PublishReport]:
    """Publish in this process, through Git LFS."""
    api = HfApi(hub.endpoint, token)
    planned = plan(root, PublishSettings(**{"repo": REPO, **settings}), api)  # type: ignore[arg-type]
    return planned, publish(planned, api)


def run_python(
    hub: Hub, folder: Path, *arguments: object, stop: bool = False, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Runs Python in a process of its own that knows the stand-in alone; environment variables as keywords.

    `folder` is its home; with `stop` it is stopped when the stand-in no longer answers.
    """
    given = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN, "HF_HOME": str(folder / "hf"), "HOME": str(folder)}
    (folder / "work").mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **given, **environ},
        cwd=folder / "work",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if stop:
            hub.stalled.wait(60)
            process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert "Traceback" not in err
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
