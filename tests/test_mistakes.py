"""What a new user may type wrong: the exit code and the sentence of each, without a traceback and without any effect.

The folder has simulated photos (`data`), one's own in no folders (`photos`), two classes (`classes`), an empty folder
and a text file.
"""

import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flickrexif
from tests.samples import DATA

Run = Callable[..., tuple[int, str, str]]

OF_FLICKR = r"data holds simulated photos, .*Add --data-dir and another folder's name, or add --sandbox"
NO_FOLDER = "There is no folder {}"
NO_DATA_SET = r"There is no folder nowhere\. Name the folder of a data set"
DATA_FOLDER = r"data is a data folder, not a data set\. Name one in it: data/flickrexif"
EMBED = "embed --encoder control:colour --dataset"

MISTAKES = [
    # typed, exit code, what is said
    ("crawll --month 2024-08", 2, "No such command 'crawll'"),
    ("crawl", 2, r"No month was given\. Type --month 2024-08"),
    ("crawl --month 2024/08", 2, r"'2024/08' is no month\. Write it as YYYY-MM"),
    ("crawl 2024-08 --sandbox", 2, r"unexpected extra argument.*2024-08"),
    ("crawl --month 2024-08", 2, OF_FLICKR),
    ("crawl --month 2024-08 --dry-run", 2, OF_FLICKR),
    ("crawl --month 2124-08 --sandbox", 2, "2124-08 is in the future"),
    ("crawl --month 2024-08 --sandbox --licenses ccby", 2, "no licence 'ccby'. Known are permissive, all"),
    ("crawl --month 2024-08 --sandbox --images huge", 2, "'huge' is not one of 'none', 'large', 'original'"),
    ("crawl --month 2024-08 --sandbox --target many", 2, "--target.*integer"),
    ("crawl --month 2024-08 --sandbox --data-dir file.txt", 2, "file.txt"),
    ("crawl --month 2024-08 --sandbox --per-user-cap 3", 2, "begun with --per-user-cap 10, .*Add --per-user-cap 10"),
    ("crawl --month 2024-08 --data-dir other", 2, "No Flickr API key: set FLICKR_API_KEY"),
    ("status --data-dir nowhere", 1, r"no crawl in nowhere/flickrexif\. Start one"),
    ("build --data-dir nowhere", 1, r"no crawl in nowhere/flickrexif\. Start one"),
    ("label nowhere --out mine", 2, NO_FOLDER.format("nowhere")),
    ("label photos", 2, "--out|There is no photo"),
    ("label empty --out mine", 2, r"no photo in empty\. Looked for: .*\.jpg"),
    ("label photos --out photos", 2, r"photos is the folder of the photos\. Name another folder with --out"),
    ("label photos --out data/flickrexif", 1, "Name another folder with --out"),
    ("splits --data-dir data --attribute Maker", 2, "'Maker' is no attribute. Choose from: Make, Model"),
    ("splits --data-dir data --protocol fair", 2, "'fair' is not one of 'paper', 'proportional'"),
    ("splits --data-dir data --attribute make", 1, "try --protocol proportional"),
    ("audit-splits nowhere", 1, r"nowhere holds no split files\. Give a file"),
    ("process classes", 2, r"Nothing to make was named\. Give --variant NAME or --parameter"),
    ("process nowhere --variant jpeg75_420", 2, NO_FOLDER.format("nowhere")),
    ("process classes --variant jpeg75", 2, "no processing variant 'jpeg75'. Nearest: JPEG75_444"),
    ("process classes --parameter quality", 2, "no processing parameter 'quality'. Known: jpeg"),
    ("process classes --variant jpeg75_420 --split tset", 2, r"no split 'tset'\. Known: train"),
    ("process classes --variant jpeg75_420 --draw uniform", 2, "Give --parameter, and no --variant"),
    ("process file.txt --variant jpeg75_420", 2, "file.txt is a file"),
    ("encoders dinov9", 2, "There is no encoder 'dinov9'. Nearest: "),
    ("encoders --family vit", 2, "no family 'vit'. Known: CVL"),
    ("embed --dataset photos", 2, "--encoder"),
    ("embed --encoder lite9 --dataset photos", 2, "no encoder 'lite9'. Nearest: lite"),
    ("embed --encoder ./model.pt --dataset photos", 2, r"a file of weights, .*timm:resnet50@\./model\.pt"),
    ("embed --encoder @all --dataset photos", 2, r"no collection '@all'\. Known: @paper47"),
    (f"{EMBED} fotos", 2, NO_FOLDER.format("fotos")),
    (f"{EMBED} data", 2, DATA_FOLDER),
    (f"{EMBED} photos --mask 2", 2, "cannot cover 2.0 of an image"),
    (f"{EMBED} photos --on-the-fly blur", 2, "no processing variant 'blur'"),
    (f"{EMBED} photos --device gpu", 2, "no device 'gpu' here. Give --device auto"),
    ("eval", 2, r"No encoder was named\. Give --encoder lite0"),
    ("eval probes --encoder lite0", 2, "no task 'probes'. Known: probe, knn"),
    ("eval knn --encoder control:colour --data-dir data --set knn.q=1", 2, "no setting 'knn.q'. Known: knn: "),
    ("eval probe --encoder control:colour --data-dir data --set k=1", 2, "no setting 'k'. Known: probe: parameter, "),
    ("eval all --encoder control:colour --data-dir data --set neighbours=1", 2, "no setting 'neighbours'. Known: "),
    ("eval knn --encoder control:colour --data-dir data --set k", 2, "'k' is no setting. Write --set"),
    ("eval all --encoder control:colour --data-dir data --memory lots", 2, r"lots is no size\. Write it as 4G"),
    ("eval all --encoder control:colour --benchmark imagenet", 2, "no benchmark 'imagenet'. Known: imagenette-mini"),
    ("report", 2, r"Measure first: flickrexif eval all|no result record"),
    ("report data/flickrexif", 1, "Name a folder of records, such as data/results"),
    ("card nowhere", 2, NO_DATA_SET),
    ("card data", 2, DATA_FOLDER),
    ("browse nowhere", 2, NO_DATA_SET),
    ("browse data", 2, DATA_FOLDER),
    ("publish data/flickrexif", 2, "--repo"),
    ("publish data/flickrexif --repo name --dry-run", 2, r"'name' is not the name .*Write it as user/name"),
    ("merge data", 2, "Name two data folders or more"),
    ("merge data nowhere --data-dir both", 2, "There is no data set in nowhere"),
    ("refresh --data-dir nowhere", 1, "There is no data set in nowhere/flickrexif"),
    ("refresh", 2, OF_FLICKR),
    ("forget --photo abc --reason x", 2, "'abc' is no id of a photo"),
    ("forget --reason x", 2, "Give --photo ID or --owner NSID"),
    ("forget --photo 5 --reason x --data-dir nowhere", 2, NO_FOLDER.format("nowhere")),
    ("sandbox --photos nowhere", 2, "no readable photo in nowhere"),
    ("sandbox --port 99999", 2, "Use another, for example --port 8601"),
    ("sandbox --faults often", 2, "Cannot read the faults 'often'"),
    ("pairs plan nowhere", 2, "There is no source nowhere"),
    ("pairs check empty", 2, "There is no image in empty"),
    ("pairs build nowhere --out mine", 2, "There is no source nowhere"),
    (f"{EMBED} photos --on-the-fly blur --data-dir other", 2, "no processing variant 'blur'"),
    (f"{EMBED} empty --data-dir other", 2, "no folder of images and no data set"),
    ("report --data-dir other", 2, "no folder other/results"),
    ("eval probe --encoder lite0 --data-dir other --dataset empty", 2, "no folder of images and no data set"),
    ("process empty --variant jpeg75_420 --data-dir other", 2, "empty"),
    ("splits empty --data-dir other", 1, "empty holds no labels table"),
    ("pairs build photos --out mine", 1, "nothing was written"),
    ("pairs build photos --out deep/er/mine --data-dir other", 1, "nothing was written"),
    ("pairs plan --cameras file.txt", 2, "table of cameras file.txt"),
    ("pairs simulate photos", 2, r"photos is not empty\. Name a new folder"),
    ("simulate photos", 2, r"photos is not empty\. Name a new folder"),
]


NOTES = {".flickrexif", ".crawl"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mistakes")
    flickrexif.crawl("2024-08", data_dir=root / "data", sandbox=True, target=20)
    photos = sorted((DATA / "photos").glob("*.jpg"))[:3]
    for target in ("photos", "classes/train/a", "classes/train/b"):
        (root / target).mkdir(parents=True)
        for photo in photos[:2]:
            shutil.copy(photo, root / target)
    (root / "empty").mkdir()
    (root / "file.txt").write_text("x\n")
    return root


def files(folder: Path) -> dict[str, int]:
    """Every file with its size, and every folder; without the locks and the journal, which notes calls, of `data`."""
    paths = (path for path in folder.rglob("*") if "data" not in path.parts or not NOTES & {*path.parts})
    return {path.relative_to(folder).as_posix(): path.stat().st_size if path.is_file() else 0 for path in paths}


@pytest.mark.parametrize(("typed", "code", "said"), MISTAKES, ids=[typed for typed, _, _ in MISTAKES])
def test_a_mistake(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, said: str) -> None:
    for name in [name for name in os.environ if name.startswith("FLICKR")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)

    connect = socket.socket.connect

    def here_alone(self: socket.socket, address: Any) -> None:
        assert address[0] == "127.0.0.1", f"a connection was tried: {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", here_alone)
    before = files(folder)
    ended, _, err = run(*typed.split())
    assert re.search(said, err, re.DOTALL), err
    assert ended == code
    assert "Traceback" not in err
    assert "delete" not in err
    assert files(folder) == before
