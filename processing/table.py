"""The rows of a shard as Arrow tables, and the metadata that tells `datasets` the types of their columns."""

import json
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        ("image_id", pa.string()),
        ("variant", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),
    ]
)


class Row(NamedTuple):
    """One encoded image; `data` and `path` make the column `image`."""

    data: bytes
    path: str
    label: int
    image_id: str
    variant: int
    width: int
    height: int
    sha256: str


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Rows as a table, from buffers: `pa.array` of a list would load pandas, 50 MB more in every worker."""
    data, paths, labels, ids, variants, widths, heights, hashes = zip(*rows, strict=True)
    image = pa.StructArray.from_arrays(
        [_texts(data, pa.binary()), _texts(_utf8(paths))], fields=list(schema.field("image").type)
    )
    numbers = [_numbers(labels, "q"), _numbers(variants, "q"), _numbers(widths, "i"), _numbers(heights, "i")]
    columns = [image, numbers[0], _texts(_utf8(ids)), *numbers[1:], _texts(_utf8(hashes))]
    return pa.Table.from_arrays(columns, schema=schema)


def _utf8(texts: Iterable[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _texts(values: Sequence[bytes], kind: pa.DataType | None = None) -> pa.Array:
    offsets = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind or pa.string(), len(values), buffers)


def _numbers(values: Sequence[int], code: str) -> pa.Array:
    kind = {"q": pa.int64(), "i": pa.int32()}[code]
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(array(code, values))])


def features(class_names: Sequence[str], variants: Sequence[str]) -> dict[bytes, bytes]:
    """Parquet metadata that tells `datasets` what the columns are."""
    kinds: dict[str, object] = {field.name: {"dtype": str(field.type), "_type": "Value"} for field in SCHEMA}
    kinds |= {"image": {"_type": "Image"}, "variant": {"names": list(variants), "_type": "ClassLabel"}}
    if class_names:
        kinds["label"] = {"names": list(class_names), "_type": "ClassLabel"}
    return {b"huggingface": json.dumps({"info": {"features": kinds}}).encode()}
