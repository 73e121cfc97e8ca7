"""Settings, typed, from the environment.

Every setting may be given as ``PORTAL_<NAME>``; ``DATABASE_URL`` keeps its usual name. In production
(``PORTAL_ENVIRONMENT=production``) the portal refuses to start without its secrets.
"""

from __future__ import annotations

import os
import re
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PACKAGE = Path(__file__).resolve().parent
TILES = re.compile(r"(https://[a-z0-9.-]+(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)/[^\s\"'<>;,]+")


class Environment(StrEnum):
    """Where the portal runs: ``demo`` shows outgoing messages on a page, ``test`` is for the test suite."""

    DEVELOPMENT = "development"
    DEMO = "demo"
    TEST = "test"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """What may be set from outside. Paths are absolute after loading."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", env_ignore_empty=True, extra="ignore")

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = Field(default=2, ge=1, description="web processes")
    threads: int = Field(default=4, ge=1, description="threads of each web process; each may hold a connection")
    instance: Path = Path("instance")
    database_url: str | None = Field(default=None, validation_alias=AliasChoices("DATABASE_URL", "PORTAL_DATABASE_URL"))
    secret_key: SecretStr | None = Field(default=None, description="signs cookies and tokens")
    keyring: SecretStr | None = Field(default=None, description="JSON of the encryption keys; else instance/keyring.json")
    messages_url: str | None = Field(default=None, description="an apprise address; {to} and {body} go there")
    trusted_proxies: int = Field(default=0, ge=0, description="how many proxies in front may name the client")
    metrics_token: SecretStr | None = Field(default=None, description="bearer token /metrics asks for; loopback needs none")
    log_level: str = "INFO"
    map_tiles: str | None = Field(default=None, description="address of map tiles with {z}, {x} and {y}; else a plain ground")
    map_tiles_attribution: str = Field(default="", description="who made the tiles; shown on the map as plain text")
    map_tiles_crs: Literal["wgs84", "gcj02"] = Field(default="wgs84", description="the coordinate system the tiles are drawn in")

    @model_validator(mode="after")
    def _resolve(self) -> Settings:
        self.instance = self.instance.expanduser().resolve()
        if self.production:
            missing = [
                name
                for name, value in (
                    ("PORTAL_SECRET_KEY", self.secret_key),
                    ("PORTAL_KEYRING", self.keyring),
                    ("DATABASE_URL", self.database_url),
                    ("PORTAL_MESSAGES_URL", self.messages_url),
                )
                if not value
            ]
            if missing:
                raise ValueError(f"in production these must be set: {', '.join(missing)}")
            if len(self.secret_key.get_secret_value()) < 32:
                raise ValueError("PORTAL_SECRET_KEY must have at least 32 characters")
        return self

    @field_validator("map_tiles")
    @classmethod
    def _one_host(cls, value: str | None) -> str | None:
        # The page allows pictures from exactly this host, so the host may hold no placeholder.
        if value and not (TILES.fullmatch(value) and all(part in value for part in ("{z}", "{x}", "{y}"))):
            raise ValueError("PORTAL_MAP_TILES must be https://one-host/… with {z}, {x} and {y} in its path")
        return value

    @property
    def map_tiles_origin(self) -> str | None:
        """Scheme and host of the tiles, for the page's security policy."""
        return "/".join(self.map_tiles.split("/")[:3]) if self.map_tiles else None

    @property
    def production(self) -> bool:
        """Whether the strict rules of production hold."""
        return self.environment is Environment.PRODUCTION

    @property
    def demo(self) -> bool:
        """Whether this is the demonstration, where outgoing messages show on a page."""
        return self.environment is Environment.DEMO

    def secret(self) -> str:
        """The signing secret: from the environment, or made once and kept in the instance folder (mode 0600)."""
        if self.secret_key:
            return self.secret_key.get_secret_value()
        return read_or_make(self.instance / "secret-key", lambda: secrets.token_urlsafe(48))


def read_or_make(path: Path, make) -> str:
    """Read a small secret file, or create it; two processes that race get the same content."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")  # threads share a pid
        draft.touch(mode=0o600)
        draft.write_text(make(), encoding="utf-8")
        try:
            os.link(draft, path)  # fails if another process was first: its content counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8")


def carried(name: str) -> Path:
    """Folder ``name`` (templates or migrations): inside an installed wheel, or beside the package in a checkout."""
    inside = PACKAGE / "_carried" / name
    return inside if inside.is_dir() else PACKAGE.parent / name
