"""`edgenas report RUN --serve`: the live page for browsers of this machine, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edgenas.errors import UsageError
from edgenas.report.live import LiveReport

__all__ = ["ReportServer", "serve"]

_LOOPBACK = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ReportServer(ThreadingHTTPServer):
    """Serves one live report on loopback.

    Args:
        report: what to serve.
        port: where; 0 for a free one.

    Raises:
        UsageError: the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, report: LiveReport, port: int = 0) -> None:
        self.report = report
        try:
            super().__init__((_LOOPBACK, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror or error}. Choose another with --port, or leave it out "
                "for a free one."
            ) from error

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{_LOOPBACK}:{self.server_address[1]}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser of this machine may call the server; any other name may be a page from elsewhere."""
        port = self.server_address[1]
        return frozenset({f"{_LOOPBACK}:{port}", f"localhost:{port}"})

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""


def serve(report: LiveReport, port: int = 0, on_ready: Callable[[str], None] = print) -> None:
    """Serves until Ctrl-C.

    Args:
        report: what to serve.
        port: where on loopback; 0 for a free one.
        on_ready: called with the address once it answers.

    Raises:
        UsageError: the port cannot be had.
    """
    with ReportServer(report, port) as server:
        on_ready(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    protocol_version = "HTTP/1.1"
    timeout = 60
    server_version, sys_version = "edgenas", ""

    def do_GET(self) -> None:
        """The page, or the parts of it that changed."""
        self._respond()

    def do_HEAD(self) -> None:
        """The same without a body."""
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the user."""

    def _respond(self) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            # The defence against DNS rebinding: a foreign page that resolves its own name to 127.0.0.1 ends here.
            self._send(
                HTTPStatus.MISDIRECTED_REQUEST, "text/plain", "This server answers to its own address only.\n"
            )
            return
        asked = urlsplit(self.path)
        if asked.path == "/":
            self._send(HTTPStatus.OK, "text/html", self.server.report.page())
        elif asked.path == "/sections":
            have = ",".join(parse_qs(asked.query).get("have", [])).split(",")
            tag, answer = self.server.report.sections(frozenset(have))
            if self.headers.get("If-None-Match") == f'"{tag}"':
                self._send(HTTPStatus.NOT_MODIFIED, "application/json", "", tag)
            else:
                self._send(HTTPStatus.OK, "application/json", answer, tag)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "There is only the page itself, at /\n")

    def _send(self, status: HTTPStatus, kind: str, body: str, tag: str = "") -> None:
        content = body.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if tag:
            self.send_header("ETag", f'"{tag}"')
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(content)
