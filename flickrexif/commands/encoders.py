"""`encoders`: the list of encoders with a name, and what is used of one."""

from collections.abc import Iterable
from dataclasses import replace

from flickrexif.commands.places import several
from flickrexif.eval.encoders import EncoderRow, expand, list_encoders, load
from flickrexif.eval.encoders.backends import BACKENDS
from flickrexif.eval.encoders.registry import row_of


def encoders(family: str | None = None, *, names: str | Iterable[str] | None = None) -> tuple[EncoderRow, ...]:
    """The encoders of a family (CVL, SUP, SSL, CTL) or of all: the paper's 47, later ones, the offline
    ones, the controls.

    With `names`, these encoders: each is loaded where nothing has to be fetched, so that its spec is complete; of
    others the network is made without weights. Raises UsageError for an unknown family or name and for a missing
    package, FlickrExifError for an encoder that cannot be loaded.
    """
    if names is None:
        return tuple(list_encoders(family))
    rows = [row_of(spec) for spec in expand(several(names))]
    return tuple(
        replace(row, spec=load(row.spec).spec if row.cached else BACKENDS[row.spec.backend].outline(row.spec))
        for row in rows
    )
