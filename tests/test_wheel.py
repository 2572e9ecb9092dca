"""An installation: one name, each file of the package, commands that run beside a user's own eval.py."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import flickrexif

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PROJECT["project"]["version"]
PACKAGE = "flickrexif"
NOT_CODE = ignore_patterns(".*", "__pycache__")
INSTALLED = {PACKAGE, f"{PACKAGE}-{VERSION}.dist-info"}
# Modules of a user, each named like one of our folders.
OWN_MODULES = ("eval.py", "cards.py", "paircams.py", "core.py", "processing/__init__.py", "collectors/__init__.py")

Content = Mapping[str, bytes]


def files_below(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of the files below a folder, links followed; no hidden files."""
    walk = os.walk(folder, followlinks=True)
    paths = [Path(place, name) for place, _, names in walk if "__pycache__" not in place for name in names]
    return {p.relative_to(folder.parent).as_posix(): p.read_bytes() for p in paths if not p.name.startswith(".")}


TREE = files_below(ROOT / PACKAGE)
PARTS = {name.split("/")[1] for name in TREE if name.count("/") > 1}  # cards, cli, collectors, …


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def top_level(names: Iterable[str]) -> set[str]:
    return {name.split("/")[0] for name in names}


# --- what is built


class Built(NamedTuple):
    checkout: Path
    sdist: Path
    wheel: Path
    wheel_of_sdist: Path
    editable: Path


def build(checkout: Path, out: Path, *kinds: str) -> list[Path]:
    """The sdist, wheel or editable wheel of a checkout, made by the build backend with warnings as errors."""
    calls = [f"print(backend.build_{kind}({str(out)!r}))" for kind in kinds]
    code = "; ".join([f"import {PROJECT['build-system']['build-backend']} as backend", *calls])
    command = [sys.executable, "-W", "error", "-W", "ignore:Editable installation", "-c", code]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3_000:]
    names = [line for line in ended.stdout.splitlines() if line.endswith((".whl", ".tar.gz")) and " " not in line]
    return [out / name for name in names]


def checkout_in(place: Path) -> Path:
    """A copy of the sources, so that building leaves nothing in the tree."""
    checkout = place / "checkout"
    checkout.mkdir()
    for folder in {PACKAGE, *(path.resolve().name for path in (ROOT / PACKAGE).iterdir() if path.is_dir())}:
        if (ROOT / folder).is_dir():
            copytree(ROOT / folder, checkout / folder, symlinks=True, ignore=NOT_CODE)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "NOTICE"):
        copy(ROOT / name, checkout)
    return checkout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    checkout = checkout_in(tmp_path_factory.mktemp("build"))
    sdist, wheel = build(checkout, checkout.parent / "dist", "sdist", "wheel")
    (editable,) = build(checkout, checkout.parent / "editable", "editable")
    with tarfile.open(sdist) as archive:
        archive.extractall(checkout.parent, filter="data")
    (second,) = build(checkout.parent / sdist.name.removesuffix(".tar.gz"), checkout.parent / "second", "wheel")
    return Built(checkout, sdist, wheel, second, editable)


def test_every_package_of_the_tree_is_listed() -> None:
    folders = {name.rpartition("/")[0].replace("/", ".") for name in TREE if name.endswith(".py")}
    assert PROJECT["tool"]["setuptools"]["packages"] == sorted(folders)


def test_the_wheel_holds_each_file_of_the_package_and_no_other(built: Built) -> None:
    wheel = content(built.wheel)
    assert {name: data for name, data in wheel.items() if name.startswith(f"{PACKAGE}/")} == TREE
    assert top_level(wheel) == INSTALLED
    assert wheel[f"{PACKAGE}-{VERSION}.dist-info/top_level.txt"].split() == [PACKAGE.encode()]


def test_the_sdist_makes_the_same_wheel(built: Built) -> None:
    assert content(built.wheel_of_sdist) == content(built.wheel)
    with tarfile.open(built.sdist) as archive:
        links = [entry.name for entry in archive if not (entry.isfile() or entry.isdir())]
        names = {entry.name.partition("/")[2] for entry in archive if entry.isfile()}
    assert links == []  # the archive holds files where the checkout has links
    assert {name for name in names if name.startswith(f"{PACKAGE}/")} == set(TREE)
    assert {"LICENSE", "NOTICE", "README.md", "pyproject.toml"} <= names


def declared(*extras: str) -> set[Requirement]:
    """The packages that the project requires, with extras and the extras that they name."""
    project = PROJECT["project"]
    lines = project["dependencies"] + [line for name in extras for line in project["optional-dependencies"][name]]
    requirements = set(map(Requirement, lines))
    of_ours = {extra for requirement in requirements if requirement.name == PACKAGE for extra in requirement.extras}
    others = {requirement for requirement in requirements if requirement.name != PACKAGE}
    return others | (declared(*of_ours) if of_ours else set())


def test_what_a_fresh_machine_installs_is_pinned_to_a_version_that_is_allowed() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    required = declared("dev")
    assert len(required) > 30
    for requirement in required:
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


# --- what is installed


class Environment(NamedTuple):
    python: Path
    packages: Path  # its site-packages
    folder: Path  # where a user works, beside modules of her own
    names: set[str]  # what the installation put into site-packages

    def run(self, *command: object) -> str:
        """The output of a command of this environment, begun in the user's folder."""
        environ = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS")}
        environ |= {"HOME": str(self.folder), "PYTHONPATH": "."}
        arguments = [str(self.python.parent / str(command[0])), *map(str, command[1:])]
        ended = subprocess.run(
            arguments, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


def install(wheel: Path, place: Path) -> Environment:
    """A new environment with the wheel alone; then the packages it needs are lent by the environment of the tests.

    Lent as a plain folder: its own .pth files, such as that of an editable install, are not read.
    """
    venv.create(place, with_pip=False)
    base = {"base": str(place), "platbase": str(place)}
    packages, scripts = (Path(sysconfig.get_path(name, "venv", base)) for name in ("purelib", "scripts"))
    python = scripts / Path(sys.executable).name
    options = ("--quiet", "--no-deps", "--no-index", "--no-compile")
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], check=True)
    names = {path.name for path in packages.iterdir()}
    lent = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in lent))
    folder = place.parent / "work"
    for name in OWN_MODULES:
        module = folder / name
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(f"raise ImportError('{name} of the user was imported')\n")
    return Environment(python, packages, folder, names)


def origins(environment: Environment) -> dict[str, str]:
    """Where our package and what is named like our folders would be imported from, in an empty folder."""
    names = sorted({PACKAGE, "benchmarks", "tests", *PARTS})
    find = "getattr(importlib.util.find_spec(name), 'origin', '')"
    code = f"import importlib.util, json; print(json.dumps({{name: {find} for name in {names}}}))"
    empty = environment.packages.parent / "empty"
    empty.mkdir()
    return {
        n: origin
        for n, origin in json.loads(environment._replace(folder=empty).run("python", "-c", code)).items()
        if origin
    }


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(built.wheel, tmp_path_factory.mktemp("wheel") / "environment")


def test_the_wheel_is_installed_under_one_name(environment: Environment) -> None:
    assert environment.names == INSTALLED
    assert origins(environment) == {PACKAGE: str(environment.packages / PACKAGE / "__init__.py")}


def test_a_checkout_is_installed_under_one_name(built: Built, tmp_path: Path) -> None:
    environment = install(built.editable, tmp_path / "environment")
    assert {name for name in environment.names if "__editable__" not in name} == INSTALLED - {PACKAGE}
    assert origins(environment) == {PACKAGE: str(built.checkout / PACKAGE / "__init__.py")}


@pytest.mark.parametrize("program", [("flickrexif",), ("python", "-m", "flickrexif")], ids=" ".join)
def test_the_program_starts(environment: Environment, program: tuple[str, ...]) -> None:
    assert "flickrexif [OPTIONS] COMMAND" in environment.run(*program, "--help")
    assert environment.run(*program, "--version").strip() == VERSION


def test_a_crawl_of_simulated_photos(environment: Environment) -> None:
    environment.run("flickrexif", "crawl", "--month", "2024-08", "--sandbox", "--target", 4, "--images", "large")
    for config in ("data", "labels", "images"):
        (path,) = (environment.folder / "data/flickrexif" / config).glob("*.parquet")
        assert pq.read_table(path).num_rows == 4


def test_labels_of_photos(environment: Environment) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "SONY", "DSC-RX100"
    (environment.folder / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(environment.folder / "photos/camera.jpg", exif=exif)
    environment.run("flickrexif", "label", "photos", "--out", "mine")
    assert pq.read_table(environment.folder / "mine/labels").column("make").to_pylist() == ["Sony"]


def test_each_public_function_is_imported_beside_modules_of_the_user(environment: Environment) -> None:
    assert environment.run("python", "-c", "from flickrexif import evaluate; print(evaluate.__name__)") == "evaluate\n"
    code = "import flickrexif as f; print(*(name for name in f.__all__ if callable(getattr(f, name))))"
    assert environment.run("python", "-c", code).split() == flickrexif.__all__
