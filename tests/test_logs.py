"""Logs hold no personal data."""

from __future__ import annotations

import io
import json
import logging

import pytest

from portal import logs


@pytest.fixture
def stream(monkeypatch):
    kept = logging.root.handlers[:], logging.root.level
    caught = io.StringIO()
    monkeypatch.setattr("sys.stderr", caught)
    logs.start("INFO")
    yield caught
    logging.root.handlers[:], logging.root.level = kept


@pytest.mark.parametrize("number", ["13800138000", "11010519491231002X", "410105199005170016"])
def test_numbers_are_masked_in_messages_and_tracebacks(stream, number):
    log = logging.getLogger("test")
    log.warning("somebody typed %s here", number)
    try:
        raise ValueError(f"bad value {number}")
    except ValueError:
        log.exception("failed")
    assert number not in stream.getvalue()
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == ["WARNING", "ERROR"]


def test_requests_are_logged_by_endpoint_not_by_address(stream, client):
    client.get("/stations/13800138000")
    client.get("/nothing?phone=13800138000")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert any(line["name"] == "portal.requests" and line["status"] == 404 for line in lines)
    assert "13800138000" not in stream.getvalue() and "nothing" not in stream.getvalue()
