"""Errors of the Hub and of the way to it, in one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError, Interrupted
from flickrexif.core.text import plain

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError)  # of huggingface_hub, for answers of wrong types
AGAIN = "Then run the same command again; what was uploaded is not sent twice."
TOKENS = "https://huggingface.co/settings/tokens"
# Status of an answer -> what it means, and what to do.
STATUS = {
    401: ("The Hub does not accept this token.", "Type `hf auth login`, or set HF_TOKEN to a token that is valid."),
    403: ("This token may not write to {repo}.", f"Use a token with write access to it, from {TOKENS}."),
    409: ("The Hub has {repo} or this name in it already.", "Choose another name, or a token that may write to it."),
    412: ("Somebody else has changed {repo} meanwhile.", "Look at it with --dry-run. " + AGAIN),
    413: ("{repo} is too large for the Hub.", "Ask the Hub for more room, or publish without images."),
    429: ("The Hub asks for a pause: too many calls were made.", "Wait some minutes. " + AGAIN),
}


@contextmanager
def hub_errors(repo: str, endpoint: str) -> Iterator[None]:
    """Turns what huggingface_hub raises into FlickrExifError, and Ctrl-C into Interrupted."""
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # its public name of the HTTP library

    try:
        yield
    except FlickrExifError:
        raise
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; what was uploaded is kept.", "Run the same command again to go on.") from None
    except (*UNREADABLE, OSError, ValueError, RuntimeError, httpx.HTTPError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) else None  # of an upload in another thread
        raise _translated(cause or error, repo, endpoint) from None


def _translated(error: BaseException, repo: str, endpoint: str) -> FlickrExifError:
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    if isinstance(error, errors.GatedRepoError):
        return FlickrExifError(f"{repo} is gated.", f"Ask for access at {endpoint}/datasets/{repo}. {AGAIN}")
    if isinstance(error, errors.RepositoryNotFoundError):
        hint = f"Check the name, and that the token from {TOKENS} may write to it."
        return FlickrExifError(f"There is no data set {repo} that this token may see.", hint)
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(error, repo)
    if isinstance(error, (ConnectionError, httpx.TransportError)):
        message = f"The Hub at {endpoint} cannot be reached ({_said(error)})."
        return FlickrExifError(message, "Check the connection. " + AGAIN)
    if isinstance(error, UNREADABLE):
        message = f"{endpoint} gives answers that are not the Hub's ({type(error).__name__})."
        return FlickrExifError(message, "Check HF_ENDPOINT. " + AGAIN)
    if isinstance(error, OSError) and error.filename:
        return FlickrExifError(f"{error.filename} cannot be read ({error.strerror}).", AGAIN)
    return FlickrExifError(f"{repo} could not be published ({_said(error)}).", AGAIN)


def _answered(error: "HfHubHTTPError", repo: str) -> FlickrExifError:
    status = error.response.status_code
    if status in STATUS:
        message, hint = STATUS[status]
        return FlickrExifError(message.format(repo=repo), hint)
    if status >= 500:
        return FlickrExifError(f"The Hub is out of order (status {status}).", "Wait some minutes. " + AGAIN)
    return FlickrExifError(f"The Hub refuses {repo}: {_said(error.server_message or error)}.", "Mend that. " + AGAIN)


def _said(what: object) -> str:
    return plain(what, 200).rstrip(".")
