"""The import rule of the design: lower never imports higher."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.nearest import imported

ROOT = Path(__file__).parents[1]
LAYERS = (  # a module imports of its own layer's packages its own, and of the layers before all
    ("core",),
    ("exif",),
    ("collectors", "dataset", "paircams", "processing"),
    ("kinds",),
    ("loading",),
    ("eval", "cards", "takedown"),
    ("commands",),
    ("cli",),
)
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}

HEAVY = {"torch", "torchvision", "open_clip", "timm", "datasets", "pandas", "pyarrow", "numpy", "PIL", "requests"}


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere, of our package."""
    return (name for name in imported(path.read_text()) if name.split(".")[0] == "flickrexif")


def wrong(package: str, names: Iterable[str]) -> set[str]:
    """Those of the imported `names` that a module of `package` may not import."""
    parts = {name: name.split(".")[1] for name in names if "." in name}
    return {name for name, part in parts.items() if part in RANK and part != package and RANK[part] >= RANK[package]}


@pytest.mark.parametrize("package", RANK)
def test_lower_never_imports_higher(package: str) -> None:
    place = ROOT / "flickrexif" / package
    files = sorted(place.resolve().rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert not {f"{path.relative_to(ROOT)}: {name}" for path in files for name in wrong(package, imports(path))}


def test_every_package_has_its_layer() -> None:
    names = {path.stem for path in (ROOT / "flickrexif").iterdir() if path.suffix in ("", ".py")}
    assert {name for name in names if name.isidentifier() and not name.startswith("__")} == set(RANK)


def test_the_rule_sees_a_forbidden_import(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(
        "def f():\n    from flickrexif.collectors.crawl import crawl\n    import flickrexif.eval.measure.knn as k\n"
    )
    assert sorted(imports(file)) == ["flickrexif.collectors.crawl.crawl", "flickrexif.eval.measure.knn"]
    assert wrong("collectors", imports(file)) == {"flickrexif.eval.measure.knn"}
    assert wrong("dataset", imports(file)) == set(imports(file))
    assert not wrong("cli", imports(file))


EVAL = ("results", "data", "encoders", "embed", "measure", "suite", "report")  # each imports those before it


def test_the_stages_of_the_evaluator_import_those_before_them() -> None:
    rank = {f"flickrexif.eval.{name}": number for number, name in enumerate(EVAL)}
    stage_of = {name: ".".join(name.split(".")[:3]) for name in modules()}
    wrong_imports = {
        f"{module}: {target}"
        for module, targets in graph(modules()).items()
        for target in targets
        if stage_of[module] in rank and stage_of[target] in rank and rank[stage_of[target]] > rank[stage_of[module]]
    }
    assert not wrong_imports
    assert set(rank) < set(stage_of.values())


def test_help_loads_no_heavy_package() -> None:
    code = (
        "import sys\nfrom flickrexif import cli\nsys.argv = ['flickrexif', '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "crawl" in done.stdout
    assert done.stderr.strip() == "[]"


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of the package."""
    found = {}
    for place, folders, names in os.walk(ROOT / "flickrexif", followlinks=True):
        folders[:] = [name for name in folders if name.isidentifier()]
        for path in (Path(place, name) for name in names if name.endswith(".py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module -> the modules it imports, anywhere in its file; of `from package import module` the module."""
    edges = {}
    for name, path in files.items():
        wanted = {target if target in files else target.rpartition(".")[0] for target in imports(path)}
        edges[name] = {target for target in wanted if target in files and target != name}
    return edges


def cycle(edges: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty when there is none."""
    try:
        list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_not_even_in_functions() -> None:
    edges = graph(modules())
    assert len(edges) > 200
    assert cycle(edges) == []


def test_the_graph_sees_a_cycle_in_a_function(tmp_path: Path) -> None:
    files = {f"flickrexif.{name}": tmp_path / f"{name}.py" for name in "abc"}
    files["flickrexif.a"].write_text("from flickrexif import b\n")
    files["flickrexif.b"].write_text("import flickrexif.c as c\n")
    files["flickrexif.c"].write_text("def f():\n    from flickrexif.a import thing\n")
    assert set(cycle(graph(files))) == set(files)
    files["flickrexif.c"].write_text("")
    assert cycle(graph(files)) == []
