"""Granian in processes of its own, and how much processor time they and PostgreSQL have used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port at loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Server:
    """One running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time of the server and its worker processes so far."""
        return cpu_seconds(self.process)


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of a process and all its descendants, those that ended included."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            spent += sum(one.cpu_times()[:4])
    return spent


def postmaster(instance: Path) -> psutil.Process:
    """The PostgreSQL server of an instance folder."""
    return psutil.Process(int((instance / "database" / "postmaster.pid").read_text().split("\n", 1)[0]))


@contextmanager
def serving(name: str, environment: dict[str, str], *, workers: int, threads: int, app: str | None = None) -> Iterator[Server]:
    """Serve the portal as `portal serve` does, or another ``app`` (module:factory) on granian with the same options."""
    port = free_port()
    if app is None:
        command = [sys.executable, "-m", "portal.cli", "serve"]
    else:
        command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--host", "127.0.0.1",
            "--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads),
            "--backpressure", str(threads * 16), "--no-ws", "--log-level", "warning", app,
        ]  # fmt: skip
    told = os.environ | environment | {
        "PORTAL_HOST": "127.0.0.1", "PORTAL_PORT": str(port), "PORTAL_WORKERS": str(workers),
        "PORTAL_THREADS": str(threads), "PORTAL_LOG_LEVEL": "WARNING",
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(CHECKOUT)])),
    }  # fmt: skip
    started = subprocess.Popen(command, cwd=CHECKOUT, env=told)
    try:
        _wait(name, port, started)
        yield Server(name, port, psutil.Process(started.pid))
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _wait(name: str, port: int, started: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if started.poll() is not None:
            raise SystemExit(f"The server of {name} ended with {started.returncode}.")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"The server of {name} does not listen.")
