"""Names of data sets: what looks like a path never goes to the Hub, and the Hub is asked once."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub import Hub, serving
from tests.pushing import USERS, run_python
from tests.scripted_server import closed_port


def test_a_name_that_the_hub_does_not_have_is_asked_for_once(tmp_path: Path) -> None:
    asked = ("--dataset", "jo/photoz", "--encoder", "control:colour", "--embeddings", tmp_path / "e")
    with serving(Hub(USERS, repos={})) as hub:
        done = run_python(hub, tmp_path, "-m", "flickrexif", "embed", *asked)
        requests = [call.path for call in hub.calls if "photoz" in call.path]
    assert "jo/photoz is no folder here, and the Hub has no such data set. Correct the name" in done.stderr
    assert requests == ["/api/datasets/jo/photoz"]


def test_a_hub_that_cannot_be_reached_is_one_try_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    for command in (("process", "jo/photos", "--variant", "jpeg75_420"), ("pairs", "check", "jo/photos")):
        code, out, err = run(*command, "--data-dir", tmp_path / "data")
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert "jo/photos is no folder here, and the Hub does not answer" in err
        assert "HF_HUB_OFFLINE=1" in err


@pytest.mark.parametrize(
    "name", ["photoz", "./jo/photos", "here/photos", "a/b/c", "jo/photo.jpg", "../jo", "/x/y", "jo/"]
)
def test_what_looks_like_a_path_never_goes_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, run: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()

    def refuse(*args: object) -> None:
        raise AssertionError(f"a connection was tried: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    embed = ("embed", "--encoder", "control:colour", "--dataset", name)
    for command in (embed, ("process", name, "--variant", "jpeg75_420"), ("pairs", "check", name)):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert err.startswith((f"flickrexif: There is no folder {name}", f"flickrexif: There is no source {name}"))
