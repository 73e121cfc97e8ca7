"""Structured logs: one JSON object a line, without personal data.

Requests are logged by endpoint and never by address or query, because an address can hold what somebody typed; phone
and ID numbers that slip into a message are masked as a last line of defence.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time

from flask import Flask, Response, g, request
from pythonjsonlogger.json import JsonFormatter

LONG_NUMBER = re.compile(r"(?<![\w-])(\d{3})\d{4,11}(\d{3}[\dXx])(?![\w-])")


class Masking(logging.Filter):
    """Masks anything that looks like a phone or an ID number in message and arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = LONG_NUMBER.sub(r"\1****\2", record.getMessage())
        record.args = ()
        return True


class MaskingFormatter(JsonFormatter):
    """Masks the traceback too: a failing statement quotes its values there."""

    def formatException(self, ei) -> str:
        return LONG_NUMBER.sub(r"\1****\2", super().formatException(ei))


def start(level: str = "INFO") -> None:
    """Send all logs as JSON lines to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        MaskingFormatter("{asctime}{levelname}{name}{message}", style="{", rename_fields={"asctime": "at", "levelname": "level"})
    )
    handler.addFilter(Masking())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    # apprise and urllib3 would name recipients and addresses.
    for name in ("apprise", "urllib3", "_granian", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def prepare(app: Flask) -> None:
    """Log every request that was not quick and fine."""
    log = logging.getLogger("portal.requests")

    @app.before_request
    def name_request() -> None:
        g.request_id = secrets.token_hex(8)

    @app.after_request
    def write(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        milliseconds = round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1)
        if response.status_code >= 400 or milliseconds > 250:
            log.info(
                "request",
                extra={
                    "id": g.get("request_id"),
                    "endpoint": request.endpoint,
                    "method": request.method,
                    "status": response.status_code,
                    "ms": milliseconds,
                },
            )
        return response
