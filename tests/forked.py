"""Python in processes that begin with their libraries loaded: forked from one that loaded them once.

Each has an end and an output of its own. What it needs is loaded once for all, which else takes seconds each time.
"""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

PRELOADED = ("torch", "datasets", "mlcroissant", "pandas", "vl_convert")
PRELOADED += tuple(f"flickrexif.commands.{name}" for name in ("crawl", "evaluation", "fetch", "labels", "process"))

PATIENCE = 300  # seconds


class Run(Protocol):
    """Runs `python ARGUMENTS`, of which the first is -m or -c."""

    def __call__(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]: ...


@contextmanager
def forks(folder: Path, environ: Mapping[str, str]) -> Iterator[Run]:
    """Processes whose working directory is `folder`, one after the other."""
    command = [sys.executable, "-m", "tests.forked"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryDirectory() as said,
        subprocess.Popen(command, cwd=folder, env=dict(environ), text=True, **pipes) as server,  # type: ignore[call-overload]
    ):
        files = [Path(said, name) for name in ("out", "err")]

        def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
            server.stdin.write(json.dumps([*map(str, files), *arguments]) + "\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
            return subprocess.CompletedProcess(arguments, code, *(file.read_text() for file in files))

        yield run
        server.stdin.close()


def main() -> None:
    """Fork for each line of stdin, and write the exit code."""
    for name in PRELOADED:
        import_module(name)
    gc.freeze()  # else each process looks at all of it when it ends
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _begin(*json.loads(line))
            break
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _begin(out: str, err: str, how: str, what: str, *words: str) -> None:
    for number, path in enumerate((os.devnull, out, err)):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    signal.alarm(PATIENCE)
    sys.argv = [how, *words]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = ModuleType("__main__")
        exec(what, sys.modules["__main__"].__dict__)


if __name__ == "__main__":
    main()
