"""YFCC100M as a source: its two public files of metadata, without a key and without a call."""

from flickrexif.collectors.drawn import FileSource
from flickrexif.collectors.yfcc100m.index import is_indexed, make_index
from flickrexif.collectors.yfcc100m.month import candidates

YFCC100M = FileSource(name="yfcc100m", is_ready=is_indexed, prepare=make_index, candidates=candidates)
