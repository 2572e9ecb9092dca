"""The columns of a data set's files, from which schemas and cards are made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Column(NamedTuple):
    """A column: its name, the name of its Arrow type, and what it holds (a text for the card)."""

    name: str
    type: str
    description: str


def arrow_schema(columns: Iterable[Column]) -> "pa.Schema":
    """The Arrow schema of `columns`; an `image` is a struct of bytes and path, as `datasets.Image` stores it."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {"image": image, "timestamp[ms]": pa.timestamp("ms"), "bool": pa.bool_()}
    return pa.schema([(c.name, types.get(c.type) or pa.type_for_alias(c.type)) for c in columns])
