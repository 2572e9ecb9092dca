"""The test files nearest to a change: `python -m tests.nearest` prints them, for `make check`.

A file leads to the modules that it imports and to the other files that it names; the fewer steps lead from a test file
to one that changed, the nearer it is. What changed is all that is not on the main branch yet, else the last commit.
"""

import ast
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
MAIN = "main"
MOST = 20  # files: to import them takes a quarter of the time of a quick check
FIXTURES = "tests/conftest.py"  # which every test file has without a word


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_test(path: str) -> bool:
    return path.startswith("tests/test_")


def steps(sources: Mapping[str, str], linked: Iterable[str] = ()) -> dict[str, set[str]]:
    """File -> the files that it leads to. `linked` are the folders that are packages of flickrexif through a link."""
    modules = {}
    for path in sources:
        if path.endswith(".py"):
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            modules[f"flickrexif.{name}" if path.split("/")[0] in linked else name] = path
    others = {path: PurePosixPath(path).name for path in sources if not path.endswith(".py")}
    leads = {}
    for path, source in sources.items():
        leads[path] = {other for other, name in others.items() if name in source}
        for name in imported(source) if path.endswith(".py") else ():
            while name and name not in modules:
                name = name.rpartition(".")[0]
            leads[path] |= {modules[name]} if name else set()
        if is_test(path):
            leads[path].add(FIXTURES)
    return leads


def nearest(changed: Iterable[str], leads: Mapping[str, set[str]]) -> list[str]:
    """The test files that lead to a changed file, the nearest first."""
    distance = dict.fromkeys(changed, 0)
    edge = set(distance)
    while edge:
        edge = {path for path, ends in leads.items() if ends & edge} - set(distance)
        distance |= dict.fromkeys(edge, max(distance.values()) + 1)
    return sorted(filter(is_test, distance), key=lambda path: (distance[path], path))


def git(*arguments: str) -> list[str]:
    """The lines of git's answer; none where it refuses."""
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def changed_files() -> set[str]:
    """What differs from the main branch, else what the last commit changed."""
    (base,) = git("merge-base", "HEAD", MAIN) or ["HEAD"]
    changed = {*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")}
    return changed or set(git("diff", "--name-only", "HEAD~1"))


def main() -> None:
    files = [path for path in git("ls-files", "--cached", "--others", "--exclude-standard") if (ROOT / path).is_file()]
    text = (".py", ".csv", ".sql", ".toml", ".md", ".json", ".html", ".js", ".css", ".jinja", "Makefile")
    sources = {path: (ROOT / path).read_text("utf-8") for path in files if path.endswith(text)}
    linked = {path.name for path in (ROOT / "flickrexif").iterdir() if path.is_symlink()}
    tests = [path for path in nearest(changed_files(), steps(sources, linked)) if path in sources]
    print("\n".join(tests[:MOST]))  # noqa: T201


if __name__ == "__main__":
    main()
