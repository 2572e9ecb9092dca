"""Verifies requests signed with OAuth 1.0a (HMAC-SHA1), and answers as Flickr does when one is wrong."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature

KEY = "sandbox"
SECRET = "sandbox"  # noqa: S105 - the embedded server's only key, for everyone to use
NONCES_KEPT = 200_000


class Verifier:
    """Checks signatures and remembers the nonces it has seen; called from many threads."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def problem(self, http_method: str, url: str, body: str, authorization: str) -> str | None:
        """What is wrong with a signed request, in Flickr's words (the body of its 401), or None.

        `url` is absolute and with its query; `body` is the form, "" for a GET.
        """
        try:
            request, oauth = _signed(http_method, url, body, authorization)
        except ValueError:
            return "oauth_problem=parameter_rejected"
        if missing := [name for name in ("oauth_consumer_key", "oauth_nonce") if not oauth.get(name)]:
            return f"oauth_problem=parameter_absent&oauth_parameters_absent={missing[0]}"
        if oauth["oauth_consumer_key"] != KEY:
            return "oauth_problem=consumer_key_unknown"
        if oauth.get("oauth_signature_method") != "HMAC-SHA1":
            return "oauth_problem=signature_method_rejected"
        if not signature.verify_hmac_sha1(request, SECRET, ""):
            return f"oauth_problem=signature_invalid&debug_sbs={_base_string(request)}"
        return "oauth_problem=nonce_used" if self._used(oauth["oauth_nonce"]) else None

    def _used(self, nonce: str) -> bool:
        with self._lock:
            if nonce in self._nonces:
                return True
            self._nonces[nonce] = None
            if len(self._nonces) > NONCES_KEPT:
                self._nonces.popitem(last=False)
            return False


def _signed(http_method: str, url: str, body: str, authorization: str) -> tuple[Any, dict[str, str]]:
    """oauthlib's request with its parameters and signature, and its oauth_ parameters by name."""
    query = url.partition("?")[2]
    headers = {"Authorization": authorization} if authorization else {}
    parameters = signature.collect_parameters(query, body, headers, exclude_oauth_signature=False)
    oauth = {name: value for name, value in parameters if name.startswith("oauth_")}
    request = Request(url, http_method)
    request.params = [pair for pair in parameters if pair[0] != "oauth_signature"]
    request.signature = oauth.get("oauth_signature", "")
    return request, oauth


def _base_string(request: Any) -> str:
    normal = signature.normalize_parameters(request.params)
    uri = signature.base_string_uri(request.uri)
    return str(signature.signature_base_string(request.http_method, uri, normal))
