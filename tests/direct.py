"""Calls of the embedded server without a socket, for tests of thousands of calls."""

import itertools
from collections.abc import Mapping
from urllib.parse import urlencode

from flickrexif.collectors.flickr.transport import ConnectionFailed, Reply
from flickrexif.collectors.sandbox.server import Sandbox


class Killed(Exception):
    """The program ends at this call."""


class Direct:
    """A transport; `lives`: calls until the program is killed."""

    def __init__(self, sandbox: Sandbox, lives: float = float("inf")) -> None:
        self.sandbox, self.lives, self._numbers = sandbox, lives, itertools.count(1)

    def call(self, method: str, arguments: Mapping[str, str | int]) -> Reply:
        if next(self._numbers) > self.lives:
            raise Killed
        fixed = {"method": method, "api_key": "sandbox", "format": "json", "nojsoncallback": "1"}
        response = self.sandbox.call("GET", f"{self.sandbox.endpoint}?{urlencode({**arguments, **fixed})}", "", "")
        if response.sent != "whole":
            raise ConnectionFailed("broken connection")
        return Reply(response.status, {name.lower(): value for name, value in response.headers}, response.body)
