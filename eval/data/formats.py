"""Opens the images of a data set: FlickrExif, PairCams, processed ImageNet, any folder, any Hugging Face data set.

`open_images` returns a `Source` for each split and stored variant.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flickrexif.core.addresses import place_of
from flickrexif.core.errors import UsageError
from flickrexif.core.failures import read_failure_table
from flickrexif.core.folder import default_data_dir
from flickrexif.core.kinds import DataSetKind
from flickrexif.core.parquet import AGAIN, opened, read_columns
from flickrexif.core.text import as_utf8
from flickrexif.dataset.kind import FETCHED, FLICKREXIF, FOLDER, PHOTOS
from flickrexif.eval.data.folders import image_folders, walk
from flickrexif.eval.data.hub import hub, is_saved, saved
from flickrexif.eval.data.img2dataset import img2dataset, is_img2dataset
from flickrexif.eval.data.names import FLICKREXIF_NAME, HINT, NAMES, SPLITS, USED, WHOLE, listed, one_of
from flickrexif.eval.data.source import Files, Source, fingerprint, parquet_files, with_others
from flickrexif.eval.data.tars import web_dataset
from flickrexif.kinds import check_data_set, origin_of, recognised
from flickrexif.processing.kind import TRACES
from flickrexif.processing.variants import variant

Stored = Mapping[str, Mapping[str, Sequence[Path]]]  # variant -> split -> files


def open_images(
    spec: str, *, data_dir: Path | None = None, variants: Sequence[str] = (), split: str | None = None
) -> list[Source]:
    """The sources of a data set: those of `variants` and `split`, or all that it has.

    `spec` is a name of NAMES (a folder of `data_dir`; None: of the default data folder), a folder, or a Hugging Face
    data set `name[?config=..&image=..&label=..]`. Raises UsageError where it has no such images.
    """
    data_dir = data_dir or default_data_dir()
    folder = data_dir / spec if spec in NAMES else place_of(spec)
    if folder.is_dir():
        check_data_set(folder)
    origin = origin_of(folder)
    sources = [
        replace(source, origin=origin, dataset=apart(source.dataset, folder, data_dir))
        for source in _sources(spec, folder, variants)
    ]
    if not sources:
        raise UsageError(f"There is no image in {folder}.", HINT)
    if split is not None:
        split_name = SPLITS.get(split, split)
        names = {source.split or "train" for source in sources}
        sources = [source for source in sources if (source.split or "train") == split_name]
        if not sources:
            raise UsageError(f"{spec} has no split {split!r}.", f"Known: {', '.join(sorted(names))}.")
    if len({(source.variant, source.split) for source in sources}) < len(sources):
        raise UsageError(f"{spec} has two splits of one name.", "Rename one of val, valid and validation.")
    for source in sources:
        if len(set(source.ids)) < len(source):
            raise UsageError(f"Two images of {spec} have the same id.", "Give each its own.")
    return sources


def _sources(spec: str, folder: Path, variants: Sequence[str]) -> Iterator[Source]:
    if not folder.exists() and spec not in NAMES:
        if variants:
            raise _no_variants(spec)
        yield from hub(spec)
        return
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", HINT)
    if variants and recognised(folder) is not TRACES:
        raise _no_variants(spec)
    yield from sources_in(folder, variants) or hub(str(folder))


def dataset_of(folder: Path) -> str:
    """What the data set in `folder` is called in the published layout; FlickrExif by what it is, too."""
    name = folder.resolve().name
    return FLICKREXIF_NAME if recognised(folder) is FLICKREXIF else NAMES.get(name.lower(), name)


def apart(name: str, folder: Path, data_dir: Path) -> str:
    """The name of the images in `folder`, another where the processed images of `data_dir` have it: they are others."""
    processed = next((data_dir / called for called, of in NAMES.items() if of == name and called != of.lower()), None)
    if processed is None or not processed.is_dir() or not folder.is_dir() or processed.samefile(folder):
        return name
    return f"{folder.resolve().name}-originals"


def sources_in(folder: Path, variants: Sequence[str] = ()) -> list[Source]:
    """The sources in a folder, of these stored variants or of all; none where it holds no images that we read."""
    return list(_sources_in(folder, variants))


def _sources_in(folder: Path, variants: Sequence[str]) -> Iterator[Source]:
    kind = recognised(folder)
    if kind in PHOTOS:
        yield _flickrexif(folder)
    elif kind is None or not kind.images:
        yield from _of_strangers(folder)
    else:
        stored = stored_variants(folder, kind)
        for chosen in [variant(name).name for name in variants] or list(stored):
            if chosen not in stored:
                raise UsageError(f"{folder} has no variant {chosen}.", f"It has: {', '.join(stored)}.")
            yield from _parquet_splits(dataset_of(folder), stored[chosen], chosen)


def stored_variants(folder: Path, kind: DataSetKind) -> Stored:
    """The variants that a data set has images in, in the table's order."""
    configs = kind.configs(folder)
    return {name: configs[config] for name, config in kind.images.items() if config in configs}


def _of_strangers(folder: Path) -> Sequence[Source]:
    """Images of a folder that none of our commands made: the first of the layouts that it has."""
    name = dataset_of(folder)
    if is_saved(folder):
        return list(saved(name, folder))
    if is_img2dataset(folder):
        return list(img2dataset(name, folder))
    files = sorted((folder / "data").glob("*.parquet")) or sorted(folder.glob("*.parquet"))
    splits: dict[str, list[Path]] = {}
    for path in files:
        splits.setdefault(path.name.removesuffix(".parquet").partition("-")[0], []).append(path)
    if any(map(_image_columns, files)):
        images, others = walk(folder)
        others += Counter({"image beside the Parquet files": len(images), ".parquet": -len(files)})
        first, *more = _parquet_splits(name, splits, "IDENTITY")
        return [with_others(first, others), *more]
    images_beside = image_folders(name, folder) or web_dataset(name, folder)
    return images_beside or list(_parquet_splits(name, splits, "IDENTITY"))  # which says what the files lack


def _no_variants(spec: str) -> UsageError:
    return UsageError(f"{spec} has no stored variants.", "Apply them: --on-the-fly jpeg.")


# --- Parquet


def _parquet_splits(name: str, splits: Mapping[str, Sequence[Path]], chosen: str) -> Iterator[Source]:
    """A source for each split of (split -> files)."""
    for split, paths in splits.items():
        missing = dict(read_failure_table(paths[0].with_name(f"{split}-failures.csv"), AGAIN))
        yield _parquet(name, paths, chosen, None if name in WHOLE else SPLITS.get(split, split), missing)


def _parquet(name: str, paths: Sequence[Path], chosen: str, split: str | None, missing: Mapping[str, str]) -> Source:
    import pyarrow as pa

    with opened(paths[0]) as file:
        schema = file.schema_arrow
    image = one_of("image", _image_columns(paths[0]), paths[0].parent)
    tables = [_small_columns(path, image) for path in paths]
    table = pa.concat_tables(tables, promote_options="permissive")
    listing = listed({column: table[column].to_pylist() for column in table.column_names}, table.num_rows)
    contents = listing.contents or [(path.name, path.stat().st_size) for path in paths]
    return Source(
        dataset=name,
        ids=listing.ids,
        read=parquet_files(paths, image),
        fingerprint=fingerprint(listing.ids, listing.columns, contents),
        contents=listing.contents,
        columns=listing.columns,
        split=split,
        variant=chosen,
        missing=missing,
        class_names=_class_names(schema.metadata),
    )


def _image_columns(path: Path) -> list[str]:
    """`image`, else the columns of {bytes, ...}."""
    import pyarrow as pa

    with opened(path) as file:
        schema = file.schema_arrow
    if "image" in schema.names:
        return ["image"]
    return [f.name for f in schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]


def _small_columns(path: Path, image: str) -> Any:
    with opened(path) as file:
        return file.read(columns=[name for name in file.schema_arrow.names if name in USED and name != image])


def _class_names(metadata: Mapping[bytes, bytes] | None) -> tuple[str, ...]:
    """The names of the ClassLabel `label`, which `datasets` writes into Parquet files; () where there are none."""
    import orjson

    try:
        info = orjson.loads((metadata or {})[b"huggingface"])
        return tuple(map(str, info["info"]["features"]["label"]["names"]))
    except (KeyError, TypeError, ValueError):
        return ()


# --- FlickrExif


def _flickrexif(root: Path) -> Source:
    """The config `images`, or files images/<Flickr ID>.<ext>; labelled photos without an image are `missing`."""
    configs = FLICKREXIF.configs(root)
    if "images" in configs:
        source = _parquet(dataset_of(root), configs["images"]["train"], "IDENTITY", None, {})
    else:
        source = _numbered_files(dataset_of(root), root / "images")
        if not source.ids:
            hints: dict[DataSetKind | None, str] = {
                FOLDER: "Label the photos again with --images link or copy.",
                FETCHED: "None came: type the command of `flickrexif fetch` again.",
            }
            crawled = "Type: flickrexif crawl --images large --month 2024-08."
            raise UsageError(f"{root} holds no images.", hints.get(recognised(root), crawled))
    labelled = (
        str(number)
        for table in read_columns(configs.get("labels", {}).get("train", ()), ["Flickr ID"])
        for number in table["Flickr ID"].to_pylist()
    )
    with_image = set(source.ids)
    missing = {number: "missing" for number in labelled if number not in with_image}
    return replace(source, missing={**source.missing, **missing})


def _numbered_files(name: str, folder: Path) -> Source:
    sizes, others = walk(folder)
    files = {path: size for path, size in sizes.items() if _stem(path).isdecimal()}
    ids = [str(int(_stem(path))) for path in files]
    columns = {"Flickr ID": list(map(int, ids))}
    return Source(
        dataset=name,
        ids=ids,
        read=Files(str(folder.absolute()), list(files)),
        fingerprint=fingerprint(ids, columns, files.values()),
        contents=list(files.values()),
        columns=columns,
        missing={as_utf8(path): "not_a_flickr_id" for path in sizes if path not in files},
        passed_over=others,
    )


def _stem(path: str) -> str:
    return Path(path).stem
