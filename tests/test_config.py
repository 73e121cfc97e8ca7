"""Settings: strict in production, made once elsewhere."""

from __future__ import annotations

import threading

import pytest
from pydantic import ValidationError

from portal.config import Settings, read_or_make

WHOLE = {
    "environment": "production", "secret_key": "x" * 32, "keyring": "{}", "database_url": "postgresql://x/y",
    "messages_url": "json://x",
}  # fmt: skip


@pytest.mark.parametrize("missing", ["secret_key", "keyring", "database_url", "messages_url"])
def test_production_refuses_to_start_without_its_secrets(missing):
    with pytest.raises(ValidationError, match="DATABASE_URL" if missing == "database_url" else f"PORTAL_{missing.upper()}"):
        Settings(**{name: value for name, value in WHOLE.items() if name != missing})


def test_production_refuses_a_short_secret():
    with pytest.raises(ValidationError, match="32"):
        Settings(**WHOLE | {"secret_key": "short"})


def test_production_starts_when_whole():
    assert Settings(**WHOLE).production


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PORTAL_PORT", "8123")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/portal")
    monkeypatch.setenv("PORTAL_INSTANCE", str(tmp_path))
    settings = Settings()
    assert (settings.port, settings.database_url, settings.instance) == (8123, "postgresql://elsewhere/portal", tmp_path)


def test_two_at_once_get_the_same_secret(tmp_path):
    path, made, start = tmp_path / "secret", [], threading.Barrier(8, timeout=30)

    def make(n: int):
        start.wait()
        made.append(read_or_make(path, lambda: f"secret {n}"))

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(set(made)) == 1 and path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://tiles.example.org/{z}/{x}/{y}.png", "https://tiles.example.org"),
        ("https://tiles.example.org:8443/t?x={x}&y={y}&z={z}", "https://tiles.example.org:8443"),
        ("http://127.0.0.1:9000/{z}/{x}/{y}.png", "http://127.0.0.1:9000"),
        (None, None),
    ],
)
def test_map_tiles_come_from_one_host(address, origin):
    assert Settings(map_tiles=address).map_tiles_origin == origin


@pytest.mark.parametrize(
    "address",
    ["https://{s}.example.org/{z}/{x}/{y}.png", "http://example.org/{z}/{x}/{y}.png", "https://example.org/{z}/{x}.png",
     "https://example.org; script-src */{z}/{x}/{y}", "javascript:{z}{x}{y}"],
)  # fmt: skip
def test_map_tiles_that_are_not_one_host_are_refused(address):
    with pytest.raises(ValidationError, match="PORTAL_MAP_TILES"):
        Settings(map_tiles=address)
