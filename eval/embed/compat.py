"""Makes the embeddings of the suite until `embed.run` does."""

from dataclasses import dataclass, replace
from typing import Any

from flickrexif.core.errors import FlickrExifError, MachineError
from flickrexif.core.text import plain
from flickrexif.eval.data.embeddings import EmbeddingKey
from flickrexif.eval.embed import run as _run
from flickrexif.eval.encoders.faults import EncoderError


@dataclass(frozen=True)
class Fault:
    reason: str
    log: str = ""

    @classmethod
    def of(cls, error: Any) -> Any:
        if isinstance(error, EncoderError):
            return cls(error.reason, error.log)
        return cls(plain(str(error), 500))


@dataclass(frozen=True)
class Work:
    source: Any
    combos: Any


@dataclass
class Report:
    faults: Any


def embed(settings: Any, candidates: Any, work: Any, progress: Any, tell: Any) -> Any:  # noqa: ARG001
    faults = {}
    for c in candidates:
        try:
            enc = c.load(settings.device)
        except EncoderError as e:
            enc = e
        for w in work:
            for combo in w.combos:
                s = replace(
                    settings, on_the_fly=(combo.variant.name,) if combo.variant else (), masks=(combo.mask or 0.0,)
                )
                try:
                    if isinstance(enc, Exception):
                        raise enc
                    _run.embed(s, [enc], [w.source], None, tell)
                except MachineError:
                    raise
                except FlickrExifError as e:
                    from flickrexif.eval.embed.store import file_names

                    m, v = file_names(c.spec)
                    k = EmbeddingKey(
                        w.source.dataset,
                        m,
                        v,
                        combo.variant.name if combo.variant else w.source.variant,
                        combo.mask or 0.0,
                        w.source.split,
                    )
                    faults[k] = Fault.of(e)
    return Report(faults)
