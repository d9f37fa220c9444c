# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""uvicorn's HTTP/1.1, which does not lose the body of a request that offers to upgrade the connection.

RFC 9110, 7.8: a server may ignore the offer. The JDK's HttpClient makes it with every first request ("Upgrade: h2c").
With httptools, uvicorn 0.54 takes what follows the headers for another protocol and drops it.
"""

from importlib.util import find_spec

import uvicorn.config


def ignore_upgrades() -> None:
    """Have uvicorn take UpgradeTolerant where it would choose httptools; safe to call again."""
    if find_spec("httptools") is not None:
        uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:UpgradeTolerant"


def __getattr__(name: str):
    if name != "UpgradeTolerant":  # made on demand: uvicorn can do without httptools
        raise AttributeError(name)
    import httptools
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class UpgradeTolerant(HttpToolsProtocol):
        """Reads the body after an upgrade that is not to a WebSocket with a parser of its own, told how it is framed."""

        _resuming = False  # the callbacks are for a head that uvicorn has seen already

        def data_received(self, data: bytes) -> None:
            self._unset_keepalive_if_required()
            while True:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    if self._should_upgrade():
                        self.handle_websocket_upgrade()
                        return
                    data = data[upgrade.args[0] :]
                    self._resume()
                except httptools.HttpParserError:
                    message = "Invalid HTTP request received."
                    self.logger.warning(message)
                    self.send_400_response(message)
                    return

        def _resume(self) -> None:
            framing = (b"content-length", b"transfer-encoding")
            lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] in framing]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n")

        def on_message_begin(self) -> None:
            if not self._resuming:
                super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            if not self._resuming:
                super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            if not self._resuming:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            if self._resuming:
                self._resuming = False
            else:
                super().on_headers_complete()

        def on_message_complete(self) -> None:
            if not self.parser.should_upgrade() or self._should_upgrade():
                super().on_message_complete()

    globals()[name] = UpgradeTolerant
    return UpgradeTolerant
