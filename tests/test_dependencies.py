"""pyproject.toml declares each package that the code imports, and no other."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flickrexif.core.extras import EXTRA_OF

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OURS = {"flickrexif", "tests", "benchmarks"}
PARTS = ("flickrexif", "cards", "collectors", "eval", "paircams", "processing")
GENERATOR = ROOT / "flickrexif" / "exif" / "generate_devices.py"  # run by hand, with the packages of `dev`
USED_WHERE_INSTALLED = {"hf-xet"}  # comes with huggingface_hub where it runs
RUN_ALONE = {
    "build",
    "flask",
    "flask-cors",
    "ipykernel",
    "mkdocs-material",
    "mypy",
    "pandas-stubs",
    "pytest-xdist",
    "ruff",
    "setuptools",
    "twine",
} | {
    "types-requests",
    "types-tqdm",
}
FILES_OF = "package:"  # how a source of weights names a package whose files it needs
DISTRIBUTIONS = packages_distributions()


def declared(*groups: str) -> set[str]:
    """The distributions that the groups of pyproject.toml name; "" is the group of all installations."""
    lines = [
        line for group in groups for line in (PROJECT["optional-dependencies"].get(group) or PROJECT["dependencies"])
    ]
    return {canonicalize_name(Requirement(line).name) for line in lines} - {"flickrexif"}


EXTRAS = set(PROJECT["optional-dependencies"]) - {"dev"}


def imported(path: Path) -> Iterator[str]:
    """The packages of others that a file imports anywhere, also by name (`find_spec("torch")`)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("find_spec", "import_module"):
            names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value.removeprefix(FILES_OF)] if node.value.startswith(FILES_OF) else []
        for name in (name.split(".")[0] for name in names):
            if name and name not in sys.stdlib_module_names and name not in OURS:
                yield name


def distributions(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Distribution -> the files that import one of its packages; a package that is not installed counts as its own."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for name in imported(path):
            for distribution in distributions_of(name):
                found.setdefault(distribution, set()).add(str(path.relative_to(ROOT)))
    return found


def distributions_of(name: str) -> set[str]:
    """The distributions that bring a package; one that is not installed counts as its own."""
    return {canonicalize_name(distribution) for distribution in DISTRIBUTIONS.get(name, [name])}


def code() -> list[Path]:
    return [path for part in PARTS for path in (ROOT / part).rglob("*.py") if path != GENERATOR]


def development() -> list[Path]:
    return [GENERATOR, *(path for part in ("tests", "benchmarks", "docs") for path in (ROOT / part).rglob("*.py"))]


def test_what_the_package_imports_is_declared() -> None:
    needed = distributions(code())
    missing = needed.keys() - declared("", *EXTRAS) - USED_WHERE_INSTALLED
    assert not {name: sorted(needed[name]) for name in missing}


def test_what_to_type_for_a_missing_package_is_the_extra_that_brings_it() -> None:
    names = {name for path in code() for name in imported(path)}
    optional = {name for name in names if not distributions_of(name) & (declared("") | USED_WHERE_INSTALLED)}
    weights = {name for name in optional if name.endswith("_pytorch_model")}  # found by their spec, not imported
    assert optional - weights == EXTRA_OF.keys()
    for name, extra in EXTRA_OF.items():
        assert distributions_of(name) & declared(extra), name


@pytest.mark.parametrize(
    "command", ["embed --encoder a --dataset b", "eval probe --encoder control:dct", "report", "submit a"]
)
def test_a_command_without_its_packages_says_what_to_type(command: str, tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from flickrexif.cli import main; main()"
    run = [sys.executable, "-c", code, *command.split()]
    ended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    sentence = "flickrexif: This needs torch. Type: pip install 'flickrexif[eval]'\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", sentence)


def test_what_tests_benchmarks_and_the_generator_import_is_declared() -> None:
    paths = development()
    needed = distributions(paths)
    missing = needed.keys() - declared("", *EXTRAS, "dev")
    assert not {name: sorted(needed[name]) for name in missing}


@pytest.mark.parametrize("group", ["", *sorted(EXTRAS)])
def test_what_is_declared_is_imported(group: str) -> None:
    assert declared(group) <= distributions(code()).keys()


def test_what_is_declared_for_development_is_used() -> None:
    paths = development()
    assert declared("dev") - RUN_ALONE <= distributions(paths).keys()


def test_imports_are_seen_wherever_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    lines = (
        "import os, numpy.linalg as n",
        "def f():",
        "    from PIL import Image",
        "    importlib.util.find_spec('torch')",
        "    weights = 'package:ray'",
        "# import requests",
        "TEXT = 'import requests'",
    )
    file.write_text("\n".join(lines))
    assert sorted(imported(file)) == ["PIL", "numpy", "ray", "torch"]
