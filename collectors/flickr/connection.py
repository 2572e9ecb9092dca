"""Whether this machine's connection settings, its proxy and its certificates, can work; asked before the first call.

requests reads them from the environment at each request. What is wrong with them does not pass, so it is no failure to
try again. A proxy's address stays out of every message, as it may hold a password.
"""

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from flickrexif.collectors.flickr.transport import is_loopback
from flickrexif.core.errors import UsageError

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # of requests; the first that is set
TIMEOUT = 5.0  # seconds
PROXY_AUTHENTICATION = 407


def check_connection(url: str, user_agent: str) -> None:
    """UsageError, which names the variable, when `url` cannot be reached with this machine's settings.

    Where a proxy applies, a HEAD of the server's root, without a key, goes through it. A proxy or server that does not
    answer is no fault of the settings. This machine itself is reached without either.
    """
    if is_loopback(url):
        return
    if urlsplit(url).scheme == "https":
        _check_certificates()
    if variable := proxy_variable(url):
        _check_proxy(url, variable, user_agent)


def proxy_variable(url: str) -> str | None:
    """What sets the proxy of `url`, such as HTTPS_PROXY; None where no proxy applies."""
    from requests.utils import get_environ_proxies, select_proxy

    proxies = get_environ_proxies(url)
    if not select_proxy(url, proxies):
        return None
    scheme = urlsplit(url).scheme
    name = f"{scheme if scheme in proxies else 'all'}_proxy"
    spellings = [variable for variable in os.environ if os.environ[variable] and variable.lower() == name]
    return max(spellings, default="The proxy setting of this machine")  # lower case wins, and sorts last


def _check_certificates() -> None:
    variable = next((name for name in CA_VARIABLES if os.environ.get(name)), None)
    if variable is None:
        return
    path = Path(os.environ[variable])
    try:
        if not path.is_dir():
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # also of the file's content
        what = "does not exist" if isinstance(error, FileNotFoundError) else "holds no certificates that can be read"
        hint = f"Correct the path, or unset {variable}."
        raise UsageError(f"{variable} names {path}, which {what}.", hint) from None


def _check_proxy(url: str, variable: str, user_agent: str) -> None:
    """See `check_connection`. requests repeats the proxy's address in its errors, so they are not attached."""
    import requests

    problem = hint = ""
    try:
        if _wants_password(url, user_agent):
            problem = f"The proxy that {variable} names asks for a user and a password."
            hint = "Put them into its address: http://user:password@host:port"
    except requests.exceptions.InvalidSchema:
        problem = f"{variable} names a SOCKS proxy, and the package for these is not installed."
        hint = 'Type: pip install "requests[socks]"'
    except ValueError:  # of requests and urllib3
        problem = f"{variable} is not the address of a proxy."
        hint = "Correct it, for example to http://proxy.example.org:3128, or unset it."
    if problem:
        raise UsageError(problem, hint)


def _wants_password(url: str, user_agent: str) -> bool:
    """Whether the proxy answers 407. A proxy or server that does not answer says nothing of that."""
    import requests

    parts = urlsplit(url)
    root, headers = f"{parts.scheme}://{parts.netloc}/", {"User-Agent": user_agent}
    try:
        answer = requests.head(root, headers=headers, timeout=TIMEOUT)
    except requests.exceptions.ProxyError as error:
        return f"Tunnel connection failed: {PROXY_AUTHENTICATION}" in str(error)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return answer.status_code == PROXY_AUTHENTICATION
