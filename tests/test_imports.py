"""The import rules of the design: which package may import which."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cards", "collectors", "eval", "flickrexif", "paircams", "processing")
FOUNDATION = ("flickrexif.schema", "flickrexif.errors", "flickrexif.draws", "flickrexif.whole")  # stand alone
ALLOWED = {
    "flickrexif": ("flickrexif",),
    "collectors": ("collectors", "flickrexif"),
    "paircams": ("paircams", "flickrexif"),
    "processing": ("processing", *FOUNDATION),
    "eval": ("eval", "processing.variants", "processing.operations", *FOUNDATION),
    "cards": ("cards", "flickrexif", "paircams", "processing"),
}
COMMAND_LINE = ROOT / "flickrexif" / "cli"  # may import everything, and nothing may import it

HEAVY = {"torch", "torchvision", "open_clip", "timm", "datasets", "pandas", "pyarrow", "numpy", "PIL", "requests"}


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere, of our packages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in PACKAGES)


def within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_design_allows(package: str) -> None:
    files = [path for path in (ROOT / package).rglob("*.py") if COMMAND_LINE not in path.parents]
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imports(path)
        if within(name, "flickrexif.cli") or not any(within(name, allowed) for allowed in ALLOWED[package])
    }
    assert not wrong


def test_the_rule_sees_a_forbidden_import(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("def f():\n    from collectors.crawl import crawl\n    import eval.probe as p\n")
    assert sorted(imports(file)) == ["collectors.crawl.crawl", "eval.probe"]


def test_help_loads_no_heavy_package() -> None:
    code = (
        "import sys\nfrom flickrexif import cli\nsys.argv = ['flickrexif', '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "crawl" in done.stdout
    assert done.stderr.strip() == "[]"
