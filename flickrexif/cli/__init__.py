"""The command line: parse, call one library function, print. stdout is data, stderr is progress and errors.

Exit codes: 0 done, 1 error, 2 usage, 3 done but short of what was asked, 130 interrupted (state saved).
"""

import atexit
import errno
import gc
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flickrexif.cli import (
    browse,
    card,
    collect,
    embed,
    evaluate,
    fetch,
    labels,
    merge,
    pairs,
    process,
    publish,
    report,
    submit,
    takedown,
)
from flickrexif.cli.output import complain, with_detail
from flickrexif.core.errors import FlickrExifError, Interrupted
from flickrexif.core.remote import store_reason


@contextmanager
def _interruptible(stops: Collection[int] = ()) -> Iterator[None]:
    """Turn Ctrl-C into a sentence; after one of `stops` any fault too, as a module that is loaded makes one of it."""
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, FlickrExifError) or not (stops or isinstance(error, KeyboardInterrupt)):
            raise
        raise Interrupted("Interrupted; what was done is saved.", "Run the same command again to go on.") from None


class Commands(TyperGroup):
    """All commands; Ctrl-C ends any of them with a sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        with _interruptible():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # which would take what stands in brackets, such as [default: all], for markup
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build, publish and evaluate data sets about the camera behind a photo.",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "crawl": collect.crawl,
    "status": collect.status,
    "build": collect.build,
    "fetch": fetch.fetch,
    "label": labels.label,
    "splits": labels.splits,
    "audit-splits": labels.audit_splits,
    "process": process.process,
    "simulate": process.simulate,
    "encoders": embed.encoders,
    "embed": embed.embed,
    "merge-shards": embed.merge_shards,
    "eval": evaluate.evaluate,
    "report": report.report,
    "submit": submit.submit,
    "card": card.card,
    "browse": browse.browse,
    "publish": publish.publish,
    "merge": merge.merge,
    "refresh": takedown.refresh,
    "forget": takedown.forget,
    "sandbox": collect.sandbox,
}
for name, function in COMMANDS.items():
    app.command(name)(with_detail(function))
app.add_typer(pairs.app, name="pairs")


def _print_version(requested: bool) -> None:
    if requested:
        from flickrexif import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Build, publish and evaluate data sets about the camera behind a photo."""


def main() -> None:
    """Run the command line; every failure is a sentence and an exit code."""
    stops: list[int] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    atexit.register(gc.freeze)  # else Python looks once more through all that is loaded, which takes up to a second
    try:
        with _interruptible(stops):  # while the commands are put together, too
            signal.signal(signal.SIGTERM, stop)
            if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as in the background of a script
                signal.signal(signal.SIGINT, stop)
            app()  # ends in SystemExit
    except FlickrExifError as error:
        complain(error, str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        complain(error, _explain(error))
        sys.exit(1)


def _explain(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"The disk is full{place}. Free some space, then run the same command again."
    if store_reason(error):
        hint = "Check the address, and what the store's library reads (s3: AWS_ENDPOINT_URL and keys, docs/scale.md)"
        return f"{error.strerror}{place}. {hint}, then run the same command again."
    return f"{error.strerror or error}{place}. Check the path, then run the same command again."
