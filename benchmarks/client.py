"""A load generator that costs little: keep-alive sockets at loopback, one selector, one process."""

from __future__ import annotations

import re
import resource
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Outcome:
    """What one round of one client saw."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: list[bytes] = field(default_factory=list)
    cpu_seconds: float = 0.0


@dataclass
class _Line:
    """One keep-alive connection with one request under way."""

    socket: socket.socket
    sent_at: float = 0.0
    received: bytes = b""


def drive(port: int, request: Callable[[], bytes], fine: Callable[[bytes], bool], *, seconds: float, connections: int) -> Outcome:
    """Send what ``request`` draws over each connection, the next as soon as the answer is whole, for ``seconds``.

    ``fine`` looks at each whole answer. Requests under way at the end are waited for and counted.
    """
    outcome, selector = Outcome(), selectors.DefaultSelector()
    for _ in range(connections):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(link, selectors.EVENT_READ, _Line(link))
    used = _cpu()
    started = time.perf_counter()
    end, open_lines = started + seconds, connections
    for key in list(selector.get_map().values()):
        _send(key.data, request())
    while open_lines:
        for key, _ in selector.select(10):
            line: _Line = key.data
            line.received += line.socket.recv(65536)
            if not _whole(line.received):
                continue
            now = time.perf_counter()
            outcome.latencies.append(now - line.sent_at)
            if not fine(line.received):
                outcome.wrong.append(line.received[:3000])
            if now < end:
                _send(line, request())
            else:
                selector.unregister(line.socket)
                line.socket.close()
                open_lines -= 1
    outcome.seconds = time.perf_counter() - started
    outcome.cpu_seconds = _cpu() - used
    return outcome


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _send(line: _Line, request: bytes) -> None:
    line.received = b""
    line.sent_at = time.perf_counter()
    line.socket.sendall(request)


def _whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        if not answer:
            raise ConnectionError("the server closed the connection")
        return False
    length = _LENGTH.search(answer, 0, head + 2)
    if not length:
        raise ValueError(f"an answer without a length: {answer[:200]!r}")
    return len(answer) >= head + 4 + int(length.group(1))


def post(path: str, fields: str, *, cookies: str = "", headers: str = "") -> bytes:
    """One POST of a form, as bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Cookie: {cookies}\r\nAccept-Encoding: gzip\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(fields)}\r\n\r\n{fields}"
    ).encode()
