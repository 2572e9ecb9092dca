"""The public functions: each does what its command does, with the same options and the same defaults."""

import hashlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

import flickrexif
from flickrexif import cli
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.commands.places import path_of, several
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import DataFolder
from tests.hub import Hub, serving
from tests.hub_repo import User

ROOT = Path(__file__).parents[1]
TOKEN = "hf_commandscommands"
MONTH = "2024-08"

# What huggingface_hub calls of its HTTP library when it sends through Git LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

# --- the same options, the same defaults ------------------------------------------------------------------------

FUNCTIONS = {
    "audit-splits": "audit",
    "merge-shards": "merge_shards",
    "pairs build": "build_pairs",
    "pairs check": "check_pairs",
    "pairs plan": "plan_pairs",
    "pairs simulate": "simulate_pairs",
    "eval": "evaluate",
}  # others have the command's name
NO_COMMAND = {"load_dataset", "mitigate"}  # of one who programs; `eval mitigation --heads` keeps what mitigates
ONLY_COMMAND = {"as_json", "verbose", "quiet"}  # how it is printed
ONLY_FUNCTION = {
    "progress",
    "say",
    "planned",
    "answered",
    "name",
    "revision",
}  # who is told on the way; of an encoder object
RENAMED = {  # command -> its option: the function's parameter, and what these are by default
    "forget": {"photo": ("photos", None, ()), "owner": ("owners", None, ())},
    "eval": {"set_": ("settings", None, None), "encoder": ("encoder", None, inspect.Parameter.empty)},
}


def commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every command by its words, and what runs it."""
    inner = {group.name: group.typer_instance for group in cli.app.registered_groups}
    for prefix, app in {"": cli.app, **inner}.items():
        for command in app.registered_commands:
            assert command.callback
            yield f"{prefix} {command.name or command.callback.__name__}".strip(), command.callback


COMMANDS = dict(commands())


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameter -> default; `empty` where it must be given."""
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def function_of(command: str) -> Callable[..., Any]:
    name = FUNCTIONS.get(command, command)
    return getattr(flickrexif, name)  # type: ignore[no-any-return]


def test_every_command_has_its_function_and_every_function_its_command() -> None:
    assert {FUNCTIONS.get(name, name) for name in COMMANDS} | NO_COMMAND == set(flickrexif.__all__)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_function_takes_what_its_command_takes(command: str) -> None:
    typed, taken = defaults(COMMANDS[command]), defaults(function_of(command))
    for option, (name, *usual) in RENAMED.get(command, {}).items():
        assert [typed.pop(option), taken.pop(name)] == usual
    assert {name: typed[name] for name in typed if name not in ONLY_COMMAND} == {
        name: taken[name] for name in taken if name not in ONLY_FUNCTION or name in typed
    }


@pytest.mark.parametrize("name", flickrexif.__all__)
def test_a_function_is_typed_and_documented(name: str) -> None:
    function = getattr(flickrexif, name)
    signature = inspect.signature(function)
    assert inspect.getdoc(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
    assert name in dir(flickrexif)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'crawll'"):
        flickrexif.crawll  # noqa: B018


def test_the_import_loads_nothing_heavy() -> None:
    code = "import sys, flickrexif; print(sorted({'torch', 'numpy', 'pyarrow', 'requests', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_python_m_flickrexif_is_the_command(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flickrexif", "status"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("flickrexif: There is no crawl in data/flickrexif.")


# --- the same files ---------------------------------------------------------------------------------------------

FAST = {"settings": {"protocol": "fast", "seeds": 2}, "device": "cpu"}
PLACE = {"dataset": "FlickrExif", "model": "control", "variant": "colour"}
Step = tuple[str, Callable[[], Any]]


def steps(endpoint: str) -> dict[str, Step]:
    """Name -> what is typed, with @ before a place, and what is called; in the order they are done."""
    months = f"--month {MONTH} --target 40 --minimum 10 --endpoint {endpoint}"
    encoder = "--encoder control:colour --device cpu"
    f = flickrexif
    return {
        "crawl": (
            f"crawl {months} --images large",
            lambda: f.crawl(MONTH, target=40, minimum=10, endpoint=endpoint, images="large"),
        ),
        "splits": (
            "splits --protocol proportional --min-photos 6",
            lambda: f.splits(protocol="proportional", min_photos=6),
        ),
        "build": ("build", lambda: f.build()),
        "process": (
            "process @data/flickrexif --parameter sharpening --workers 1",
            lambda: f.process("data/flickrexif", parameter="sharpening", workers=1),
        ),
        "photos": ("simulate @data/photos --train 1 --val 1", lambda: f.simulate("data/photos", train=1, val=1)),
        "simulate": ("pairs simulate @data/shots --pairs 3", lambda: f.simulate_pairs("data/shots", pairs=3)),
        "check": ("pairs check @data/shots --page @sheet", lambda: f.check_pairs("data/shots", page="sheet")),
        "pairs": ("pairs build @data/shots", lambda: f.build_pairs("data/shots")),
        "label": (
            "label @data/shots --out @labelled --images copy",  # links would name the folder of each side
            lambda: f.label("data/shots", out="labelled", images="copy"),
        ),
        "embed": (
            f"embed --dataset flickrexif {encoder} --shard 1/2",
            lambda: f.embed("flickrexif", "control:colour", device="cpu", shard="1/2"),
        ),
        "other shard": (
            f"embed --dataset flickrexif {encoder} --shard 2/2",
            lambda: f.embed("flickrexif", ["control:colour"], device="cpu", shard="2/2"),
        ),
        "merge-shards": ("merge-shards", lambda: f.merge_shards()),
        "neighbors": (
            "eval neighbors --encoder control/colour --dataset FlickrExif --embeddings @data/embeddings "
            "--set neighbors.k=5 --labels @data/flickrexif/labels --device cpu --out @elsewhere/neighbors.json",
            lambda: f.evaluate(
                "control/colour",
                "neighbors",
                dataset="FlickrExif",
                embeddings="data/embeddings",
                settings={"neighbors.k": 5},
                labels="data/flickrexif/labels",
                device="cpu",
                out="elsewhere/neighbors.json",
            ),
        ),
        "eval all": (
            "eval all --encoder control:colour --set protocol=fast --set seeds=2 --device cpu",
            lambda: f.evaluate("control:colour", **FAST),
        ),
        "report": ("report --formats svg --out @page", lambda: f.report(formats="svg", out="page")),
        "card": ("card @labelled", lambda: f.card("labelled")),
        "browse": (
            "browse @data/flickrexif --photos 9 --out @pages",
            lambda: f.browse("data/flickrexif", photos=9, out="pages"),
        ),
        "splits elsewhere": (
            "splits --protocol proportional --attribute Make --min-photos 6 --out @elsewhere",
            lambda: f.splits(protocol="proportional", attribute="Make", min_photos=6, out="elsewhere"),
        ),
        "publish": (
            "publish @data/flickrexif --repo jo/photos --tag v1",
            lambda: f.publish("data/flickrexif", repo="jo/photos", tag="v1"),
        ),
        "merge": ("merge @data @../other --data-dir @both", lambda: f.merge(["data", "../other"], data_dir="both")),
    }


STATE = (".flickrexif", ".crawl")


def files_of(folder: Path) -> dict[str, str]:
    """Name -> what is in it, but for the state of the programs and the time that something took."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not set(path.parts) & set(STATE)]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _without_seconds(folder: Path) -> None:
    """Records that do not tell how long they took."""
    for path in (*folder.glob("data/results/**/*.json"), *folder.glob("elsewhere/neighbors.json")):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": 1.0}))


def _type(words: list[str]) -> None:
    """Run the command of these words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["flickrexif", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code in (0, 3), words


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def done(root: Path) -> Iterator[Mapping[str, tuple[Any, ...]]]:
    """Each step done by the function in the working directory, and by the command elsewhere, where the data folder is
    named by the variable, and by the option: what the function returned, and the files of each.
    """
    result = {}
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(SimulatedPopulation(0, 600)) as sandbox,
        serving(Hub(users={TOKEN: User("jo")})) as hub,
    ):
        for name in ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS", "FLICKREXIF_DATA"):
            patch.delenv(name, raising=False)
        patch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
        patch.setenv("HF_TOKEN", TOKEN)
        flickrexif.crawl("2024-07", target=5, seed=1, endpoint=sandbox.endpoint, data_dir=root / "other")
        for side in ("function", "variable", "option", "away"):
            (root / side).mkdir()
        for name, (typed, call) in steps(sandbox.endpoint).items():
            patch.chdir(root / "function")
            patch.delenv("FLICKREXIF_DATA", raising=False)
            returned = call()
            patch.chdir(root / "away")
            _type([*typed.replace("@", f"{root}/option/").split(), *_data_dir(typed, root / "option/data")])
            patch.setenv("FLICKREXIF_DATA", str(root / "variable/data"))
            _type(typed.replace("@", f"{root}/variable/").split())
            for side in SIDES:
                _without_seconds(root / side)
            result[name] = (returned, *(files_of(root / side) for side in SIDES))
        yield result


SIDES = ("function", "variable", "option")


def _data_dir(typed: str, folder: Path) -> list[str]:
    """The option --data-dir, where a command has it and it is not typed yet."""
    command = max((name for name in COMMANDS if typed.startswith(name)), key=len)
    named = "--data-dir" in typed or "data_dir" not in defaults(COMMANDS[command])
    return [] if named else ["--data-dir", str(folder)]


@pytest.mark.parametrize("name", list(steps("")))
def test_a_function_makes_the_files_that_its_command_makes(done: Mapping[str, tuple[Any, ...]], name: str) -> None:
    returned, function, variable, option = done[name]
    assert function == variable == option
    assert returned is not None
    names = list(done)
    before = done[names[names.index(name) - 1]][1] if name != "crawl" else {}
    unchanging = ("build", "card", "publish")  # what is there is right already, or goes to the Hub
    assert (function == before) == (name in unchanging)


@pytest.mark.usefixtures("done")
def test_nothing_is_written_to_the_working_directory_when_the_data_folder_is_elsewhere(root: Path) -> None:
    assert list((root / "away").iterdir()) == []
    for side in SIDES:
        assert [path.name for path in (root / side).iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("done")
def test_what_is_written_elsewhere_is_in_the_register(root: Path) -> None:
    names = {name for name in files_of(root / "function") if not name.startswith(("data/", "both/"))}
    assert {name.split("/")[0] for name in names} == {"elsewhere", "labelled", "page", "pages", "sheet"}
    registered = DataFolder(root / "function/data").registered()
    assert {name for name in names if not any((root / "function" / name).is_relative_to(r) for r in registered)} == {
        "elsewhere/splits.json"  # counts alone
    }
    assert DataFolder.of(root / "function/labelled") == DataFolder(root / "function/data")


def test_reports_are_frozen_and_tell_what_was_made(done: Mapping[str, tuple[Any, ...]]) -> None:
    crawled, merged = done["crawl"][0], done["merge"][0]
    assert crawled.months[0].kept == sum(crawled.built.rows.values()) == 40
    assert sum(month.photos for month in merged.months) == 45
    assert all(result.metrics for result in done["eval all"][0].results)
    assert done["publish"][0].report.commit
    for report in (crawled, merged, done["publish"][0], done["eval all"][0]):
        with pytest.raises(AttributeError):
            setattr(report, fields(report)[0].name, None)


# --- places -----------------------------------------------------------------------------------------------------


def test_a_place_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/data") == tmp_path / "data"
    monkeypatch.setenv("FLICKREXIF_DATA", "~/mine")
    flickrexif.simulate_pairs(tmp_path / "shots", pairs=1)
    assert (tmp_path / "mine/.flickrexif").is_dir()
    flickrexif.build_pairs("~/shots")
    assert (tmp_path / "mine/paircams/README.md").is_file()
    flickrexif.label("~/shots", out="~/labelled", data_dir="~/other")
    assert DataFolder(tmp_path / "other").registered() == [tmp_path / "labelled"]
    assert not (Path.cwd() / "~").exists()


def test_one_value_or_several() -> None:
    assert several(None) == ()
    assert several("a") == ("a",)
    assert several(0.5) == (0.5,)
    assert several(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: flickrexif.crawl("2024-13"),
        lambda: flickrexif.crawl(MONTH, dry_run=True, calls_per_hour=0),
        lambda: flickrexif.crawl(MONTH, images="huge", sandbox=True),  # type: ignore[arg-type]
        lambda: flickrexif.browse(".", photos=0),
        lambda: flickrexif.process(".", parameter="jpeg", limit=0),
        lambda: flickrexif.evaluate("lite0", "x"),
        lambda: flickrexif.evaluate("m/v", "knn", embeddings="."),
        lambda: flickrexif.evaluate("m/v", "knn", embeddings=".", out="x", settings={"knn.k": 0}),
        lambda: flickrexif.evaluate("lite0", "knn", memory="4P"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error_and_writes_nothing(
    wrong: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        wrong()
    assert list(tmp_path.iterdir()) == []


def test_options_have_no_default_of_their_own() -> None:
    """A folder that an option names is the function's to choose: nothing is written to `data` behind --data-dir."""
    for name, callback in COMMANDS.items():
        for option, default in defaults(callback).items():
            assert not isinstance(default, Path), f"{name} {option}"
    assert isinstance(cli.app, typer.Typer)
