"""Loading by name, and by the unmodified `datasets` from the folder and from a checkout."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import datasets
import pytest

import flickrexif
from flickrexif import load_dataset
from flickrexif.cards import write_card
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.build import build
from flickrexif.dataset.images import StoredImage
from tests.raw_photos import SIMULATED, photo
from tests.test_build import jpeg

pytestmark = pytest.mark.usefixtures("offline")

ROOT = Path(__file__).parents[1]


def make(data: Path, ids: tuple[int, ...] = (2, 1), month: str = "2024-08", title: str = "one") -> None:
    build([(month, [photo(i, month, title=title) for i in ids])], data / "flickrexif", SIMULATED)
    write_card(data / "flickrexif")


def test_plain_datasets_opens_the_built_folder(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, (5,), "2024-09")
    default = datasets.load_dataset(str(tmp_path / "flickrexif"), split="train")
    assert default["Flickr ID"][:] == [1, 2, 5]
    assert default[0]["Make"] == "Canon"
    assert len(default.column_names) == 9
    labels = datasets.load_dataset(str(tmp_path / "flickrexif"), "labels", split="train")
    assert labels.features["date_taken"].dtype == "timestamp[ms]"  # Parquet has no seconds
    assert labels.features["is_smartphone"].dtype == "bool"
    assert labels[0]["date_taken"] == datetime(2024, 8, 3, 12, 34, 56)
    assert datasets.get_dataset_config_names(str(tmp_path / "flickrexif")) == ["default", "labels"]


def test_images_decode_and_keep_their_bytes(tmp_path: Path, checkout: Path) -> None:
    path = tmp_path / "1.jpg"
    path.write_bytes(jpeg(48))
    image = StoredImage(1, path, hashlib.sha256(path.read_bytes()).hexdigest(), 48, 48, "l")
    build([("2024-08", [photo(1)])], checkout / "data/flickrexif", SIMULATED, lambda _: [image])
    write_card(checkout / "data/flickrexif")
    for images in (
        datasets.load_dataset("flickrexif", "images", split="train"),
        load_dataset("flickrexif", "images", split="train"),
    ):
        assert images[0]["image"].size == (48, 48)
        raw = images.cast_column("image", datasets.Image(decode=False))[0]["image"]
        assert raw["bytes"] == path.read_bytes()


def test_plain_datasets_opens_a_checkout(checkout: Path) -> None:
    make(checkout / "data")
    assert datasets.load_dataset("flickrexif")["train"]["Flickr ID"][:] == [1, 2]
    assert datasets.load_dataset("flickrexif", "labels")["train"]["title"][:] == ["one", "one"]


def test_data_built_anew_are_not_served_from_the_cache(checkout: Path) -> None:
    """`datasets` names its cache by the front matter alone: the fingerprint beside it has to change that name."""

    def titles() -> list[list[str]]:
        folder = str(checkout / "data/flickrexif")
        loaded = (
            datasets.load_dataset("flickrexif", "labels", split="train"),
            datasets.load_dataset(folder, "labels", split="train"),
            load_dataset("flickrexif", "labels", split="train"),
        )
        return [data["title"][:] for data in loaded]

    make(checkout / "data")
    assert titles() == [["one", "one"]] * 3
    make(checkout / "data", title="two")
    assert titles() == [["two", "two"]] * 3
    make(checkout / "data", (3,), "2024-09", "three")
    assert titles() == [["two", "two", "three"]] * 3
    make(checkout / "data", ())
    assert titles() == [["three"]] * 3


def test_two_data_folders_do_not_share_a_cache(tmp_path: Path) -> None:
    for title in ("here", "there"):
        make(tmp_path / title, title=title)
        assert load_dataset("flickrexif", "labels", data_dir=tmp_path / title)["train"]["title"][0] == title


def test_data_dir_then_environment_then_data(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(checkout / "data", (1,))
    make(checkout / "elsewhere", (2,))
    make(checkout / "given", (3,))
    assert load_dataset()["train"]["Flickr ID"][:] == [1]
    monkeypatch.setenv("FLICKREXIF_DATA", str(checkout / "elsewhere"))
    assert load_dataset("flickrexif")["train"]["Flickr ID"][:] == [2]
    assert load_dataset("flickrexif", data_dir="given")["train"]["Flickr ID"][:] == [3]


def test_options_reach_datasets(tmp_path: Path) -> None:
    make(tmp_path, tuple(range(10)))
    assert load_dataset("flickrexif", data_dir=tmp_path, split="train[:3]").num_rows == 3
    stream = load_dataset("flickrexif", "labels", data_dir=tmp_path, split="train", streaming=True)
    assert [row["Flickr ID"] for row in stream] == list(range(10))


def test_other_data_sets_of_the_folder_load_too(tmp_path: Path) -> None:
    folder = tmp_path / "imagenet-traces"
    build([("2024-08", [photo(4)])], folder, SIMULATED)
    write_card(folder)
    assert load_dataset("imagenet-traces", "default", data_dir=tmp_path)["train"]["Flickr ID"][:] == [4]


def test_unknown_names_and_configs_name_the_known_ones(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(UsageError, match="Known: `flickrexif`, `published`, `folder`, `paircams`, `imagenet-traces`"):
        load_dataset("flickrexf")
    with pytest.raises(UsageError, match=r"no config 'label'\. Known: `default`, `labels`"):
        load_dataset("flickrexif", "label", data_dir=tmp_path)
    for name, more in (("flickrexif", {"revision": "v1"}), ("CTU-OU/FlickrExif", {})):
        with pytest.raises(UsageError, match="Give one of them"):
            load_dataset(name, data_dir=tmp_path, **more)


def test_a_data_dir_that_lacks_the_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FlickrExifError, match=f"There is no data set in {tmp_path}/flickrexif") as caught:
        load_dataset("flickrexif", data_dir=tmp_path)
    assert "flickrexif crawl --month 2024-08 --sandbox" in caught.value.hint
    make(tmp_path)
    file = tmp_path / "flickrexif/data/train-2024-08.parquet"
    for change in (file.unlink, partial(file.write_bytes, b"PAR1 torn")):
        change()
        with pytest.raises(FlickrExifError, match="was changed, and its card was not yet") as caught:
            load_dataset("flickrexif", data_dir=tmp_path)
        assert f"flickrexif card {tmp_path}/flickrexif" in caught.value.hint
    (tmp_path / "flickrexif/.huggingface.yaml").unlink()  # as in a copy from the Hub
    with pytest.raises(FlickrExifError, match="no readable files of config 'default'"):
        load_dataset("flickrexif", data_dir=tmp_path)


def nothing(_: Path) -> None: ...


def a_crawl(folder: Path) -> None:
    (folder / ".crawl").mkdir()
    (folder / ".crawl/journal.sqlite").touch()


def rows_without_a_card(folder: Path) -> None:
    build([("2024-08", [photo(1)])], folder, SIMULATED)


def a_card_of_earlier_rows(folder: Path) -> None:
    """As long as they were, so that no size of a file tells it."""
    make(folder.parent, title="abc")
    sizes = [path.stat().st_size for path in sorted(folder.rglob("*.parquet"))]
    build([("2024-08", [photo(i, title="cab") for i in (2, 1)])], folder, SIMULATED)
    assert [path.stat().st_size for path in sorted(folder.rglob("*.parquet"))] == sizes


def half_a_month(folder: Path) -> None:
    """The rows of two photos, the labels of one."""
    make(folder.parent, (1,))
    labels = (folder / "labels/train-2024-08.parquet").read_bytes()
    build([("2024-08", [photo(i) for i in (2, 1)])], folder, SIMULATED)
    (folder / "labels/train-2024-08.parquet").write_bytes(labels)


@pytest.mark.parametrize(
    ("make_half", "message"),
    [
        (nothing, "holds no data set"),
        (a_crawl, "has no card"),
        (rows_without_a_card, "has no card"),
        (a_card_of_earlier_rows, "its card was not yet"),
        (half_a_month, "its card was not yet"),
    ],
)
def test_what_is_here_but_not_whole_is_an_error_and_not_the_hub(
    make_half: Callable[[Path], None], message: str, checkout: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    folder = checkout / "data/flickrexif"
    folder.mkdir(parents=True)
    make_half(folder)
    with pytest.raises(FlickrExifError, match=message) as caught:  # before the Hub, which is offline here
        load_dataset("flickrexif")
    assert "flickrexif c" in caught.value.hint
    code, _, err = run("card", "data/flickrexif", "--check")
    assert (code > 0, "flickrexif: " in err) == (True, True)
    code, _, err = run("publish", "data/flickrexif", "--repo", "a/b", "--dry-run")
    assert (code > 0, "cannot be reached" in err) == (True, False)
    if make_half in (rows_without_a_card, a_card_of_earlier_rows):
        assert run("card", "data/flickrexif")[0] == 0
        assert load_dataset("flickrexif", "labels", split="train").num_rows == 2 - (make_half is rows_without_a_card)
    else:
        code, _, err = run("card", "data/flickrexif")
        assert (code > 0, "flickrexif build" in err or "flickrexif crawl" in err) == (True, True)


def test_no_folder_and_no_network_says_what_to_type(checkout: Path) -> None:
    with pytest.raises(FlickrExifError, match=r"checkout/data/flickrexif, and CTU-OU/FlickrExif") as caught:
        load_dataset("flickrexif")
    assert "flickrexif crawl --month 2024-08 --sandbox" in caught.value.hint
    with pytest.raises(FlickrExifError, match="CTU-OU/PairCams"):
        load_dataset("paircams", "default")
    (checkout / "CTU-OU/PairCams").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a folder here"):
        load_dataset("CTU-OU/PairCams")
    with pytest.raises(FlickrExifError, match=r"data/imagenet-traces\. Make it with"):
        load_dataset("imagenet-traces")


def test_importing_is_light_and_public_names_are_sorted() -> None:
    code = "import sys, flickrexif; print([m for m in ('datasets', 'pyarrow', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert flickrexif.__all__ == sorted(flickrexif.__all__)
    assert all(getattr(flickrexif, name) for name in flickrexif.__all__)
