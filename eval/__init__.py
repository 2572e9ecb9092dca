"""The reference evaluator: `from flickrexif.eval import evaluate` measures one encoder on all data at hand."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flickrexif.eval.suite import evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    """`evaluate`, with all that it needs (torch), when it is asked for."""
    if name != "evaluate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flickrexif.eval.suite import evaluate

    return evaluate
