"""A release: what is built passes twine, and a plain `pip install` of it does the main job in a clean environment.

Run on every Python of pyproject.toml that is at hand; packages come from the package index, at the pinned versions.
"""

import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.test_wheel import ROOT, VERSION, checkout_in

EXTRA = "flickrexif: This needs torch. Type: pip install 'flickrexif[eval]'\n"
MAKES = {"SONY": "DSC-RX100", "Canon": "Canon EOS 5D", "Apple": "iPhone 4"}


def pythons() -> list[str]:
    """The Pythons at hand that the package is for."""
    named = [path for minor in (11, 12, 13) if (path := which(f"python3.{minor}"))]
    return [path for path in named if subprocess.run([path, "--version"], capture_output=True).returncode == 0]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheel and the sdist as `python -m build` makes them: the wheel from the sdist, in its own environment."""
    checkout, out = checkout_in(tmp_path_factory.mktemp("release")), tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, checkout], check=True, capture_output=True)
    return sorted(out.iterdir())


def test_what_is_built_passes_twine(dist: list[Path]) -> None:
    assert [path.name for path in dist] == [f"flickrexif-{VERSION}-py3-none-any.whl", f"flickrexif-{VERSION}.tar.gz"]
    ended = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *dist], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.count("PASSED")) == (0, 2), ended.stdout


class Shell(NamedTuple):
    """A folder to work in, and an environment."""

    place: Path
    scripts: Path

    def run(self, command: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        program, *arguments = command.split()
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
            "XDG_STATE_HOME": str(self.place)
        }
        run = [str(self.scripts / program), *arguments]
        ended = subprocess.run(run, cwd=self.place, env=environ, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module", params=pythons(), ids=lambda path: Path(path).name)
def shell(request: pytest.FixtureRequest, dist: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    place = tmp_path_factory.mktemp("clean")
    subprocess.run([request.param, "-m", "venv", place / "environment"], check=True)
    scripts = place / "environment" / "bin"
    shell = Shell(place, scripts)
    code, out, err = shell.run(f"pip install --quiet --no-compile --constraint {ROOT}/constraints.txt {dist[0]}")
    assert code == 0, out + err
    return shell


def photograph(folder: Path) -> None:
    """Six photographers, each with ten photos by each camera."""
    for number in range(180):
        exif = Image.Exif()
        exif[271], exif[272] = list(MAKES.items())[number % 3]
        exif.get_ifd(0x8769)[33437] = 2.8
        owner = folder / f"owner{number // 30}"
        owner.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(owner / f"{number}.jpg", exif=exif)


def test_the_main_job_is_done_without_extras(shell: Shell) -> None:
    assert shell.run("flickrexif --version") == (0, f"{VERSION}\n", "")
    assert shell.run("flickrexif --help")[0] == 0
    assert shell.run("python -m torch")[0] == 1
    crawled, _, _ = shell.run("flickrexif crawl --month 2024-08 --sandbox --target 30")
    photograph(shell.place / "photos")
    labelled, _, _ = shell.run("flickrexif label photos --out mine")
    split, _, _ = shell.run("flickrexif splits mine/labels --attribute Make --protocol proportional")
    checked, _, _ = shell.run("flickrexif card mine --check")
    shown, page, _ = shell.run("flickrexif browse mine")
    processed, _, _ = shell.run("flickrexif process photos --variant jpeg75_420 --out traces")
    assert (crawled, labelled, split, checked, shown, processed) == (0,) * 6
    assert pq.read_table(shell.place / "data/flickrexif/labels").num_rows == 30
    assert set(pq.read_table(shell.place / "mine/labels")["make"].to_pylist()) == {"Sony", "Canon", "Apple"}
    assert (shell.place / page.splitlines()[-1]).is_file()
    code = "from flickrexif import load_dataset; print(load_dataset('mine','Make',data_dir='.')['train'].num_rows)"
    (shell.place / "load.py").write_text(code)
    assert int(shell.run("python load.py")[1]) > 90


def test_what_needs_an_extra_says_which(shell: Shell) -> None:
    assert shell.run("flickrexif eval probe --encoder lite0 --dataset photos") == (2, "", EXTRA)
    assert shell.run("flickrexif report") == (2, "", EXTRA)
    assert shell.run("flickrexif simulate simulated")[2].endswith("Type: pip install 'flickrexif[sandbox]'\n")


def test_the_citation_names_this_version() -> None:
    record = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (record["cff-version"], record["version"], record["license"]) == ("1.2.0", VERSION, "Apache-2.0")
    title = record["preferred-citation"]["title"]
    assert title in (ROOT / "README.md").read_text("utf-8").replace("{CLIP}", "CLIP")
