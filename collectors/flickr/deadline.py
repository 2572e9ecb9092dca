"""HTTP sessions that end: an answer must be whole after some seconds, however slowly it drips.

The timeout of requests is that between two parts of an answer, so that a byte a minute would hold a thread for weeks.
"""

import http.client
import io
import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class _Bounded(io.RawIOBase):
    """Reads `raw` until a moment of the monotonic clock, then raises TimeoutError."""

    def __init__(self, raw: io.RawIOBase, end: float) -> None:
        self._raw, self._end = raw, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._end:
            raise TimeoutError("the answer takes too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedAdapter(HTTPAdapter):
    """An adapter of requests whose answers, from their first header to their last byte, may take `seconds`."""

    def __init__(self, seconds: float, **options: Any) -> None:
        class Response(http.client.HTTPResponse):
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)
                self.fp = io.BufferedReader(_Bounded(self.fp.detach(), time.monotonic() + seconds))

        self._response = Response
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """See HTTPAdapter."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools(self.poolmanager.pool_classes_by_scheme)

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        """See HTTPAdapter."""
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = self._pools(manager.pool_classes_by_scheme)
        return manager

    def _pools(self, pools: Mapping[str, Any]) -> dict[str, Any]:
        """The pools of connections, also those to a proxy, with this adapter's answers."""
        return {
            scheme: type("Pool", (pool,), {"ConnectionCls": self._connection(pool.ConnectionCls)})
            for scheme, pool in pools.items()
        }

    def _connection(self, connection: Any) -> Any:
        return type("Connection", (connection,), {"response_class": self._response})


def bounded_session(user_agent: str, seconds: float, connections: int, *, proxies: bool) -> requests.Session:
    """A session whose answers end after `seconds`; `proxies`: whether the environment's are used."""
    session = requests.Session()
    session.headers["User-Agent"] = user_agent
    session.trust_env = proxies
    for scheme in ("http://", "https://"):
        session.mount(scheme, BoundedAdapter(seconds, pool_maxsize=connections))
    return session
