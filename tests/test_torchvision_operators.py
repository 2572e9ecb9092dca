"""torchvision, open_clip and timm import beside the torch that is installed, whatever its build."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["torchvision", "open_clip", "timm"])
def test_the_package_imports_after_the_module(package: str) -> None:
    code = f"import flickrexif.eval.encoders.torchvision_operators, {package}; print({package}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, package), done.stderr


def test_it_declares_only_when_the_compiled_operators_do_not_load() -> None:
    code = "import flickrexif.eval.encoders.torchvision_operators as o; print(o.operators_load(), o.FRAGMENT is None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loads, nothing_declared = done.stdout.split()
    assert loads == nothing_declared
    plain = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, check=False)
    assert (plain.returncode == 0) == (loads == "True")
