"""HTTP as the probes speak it: http.client, with a note of what is asked and answered."""

import http.client
from typing import Any

from transcript import ANSWERED, ASKED, calling, note


class Response(http.client.HTTPResponse):
    """An answer that is noted."""

    def begin(self) -> None:
        """Note the status and the headers."""
        super().begin()
        version = f"HTTP/{self.version // 10}.{self.version % 10}"
        note(ANSWERED, lambda: f"{version} {self.status} {self.reason}\n{self.headers}")

    def read(self, amt: int | None = None) -> bytes:
        """Note the rest."""
        data = super().read(amt)
        if data:
            note(ANSWERED, data)
        return data


class _Noted:
    response_class = Response

    def connect(self) -> None:
        with calling(self.host, self.port):
            super().connect()

    def send(self, data: Any) -> None:
        if self.sock is None:  # so that this is noted first
            self.connect()
        note(ASKED, data)
        super().send(data)


class HTTPConnection(_Noted, http.client.HTTPConnection):
    """A connection whose requests are noted, too."""


class HTTPSConnection(_Noted, http.client.HTTPSConnection):
    """The like over TLS."""
