"""A standard wheel runs by itself: everything the portal needs is inside, nothing is read from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = (
    "portal/_carried/templates/layout.html",
    "portal/_carried/migrations/env.py",
    "portal/_carried/migrations/versions/0001_foundation.py",
    "portal/translations/zh_Hans/LC_MESSAGES/messages.mo",
    "portal/static/vendor/htmx.min.js",
    "portal/static/portal.css",
    "portal/data/henan_divisions.csv",
    "portal/data/NOTICE.md",
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The wheel of this checkout, unpacked into an empty folder."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
        wheel.extractall(target / "site")
    return target / "site"


def test_everything_is_inside(unpacked):
    assert [name for name in NEEDED if not (unpacked / name).is_file()] == []


def test_nothing_private_is_inside(unpacked):
    names = [str(path.relative_to(unpacked)) for path in unpacked.rglob("*")]
    assert [
        name for name in names if "instance" in name or name.startswith(("tests", "benchmarks")) or name.endswith(".env")
    ] == []


def test_it_starts_away_from_the_checkout(unpacked, tmp_path):
    """Draws a page with templates, catalogue and scripts that can only come from the wheel; needs no database."""
    script = """
import json, portal
from portal.config import Settings, carried
app = portal.create_app(Settings(instance="i"), database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
page = app.test_client().get("/privacy")
print(json.dumps([portal.__file__, str(carried("migrations")), page.status_code, "隐私" in page.text]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked), "PORTAL_ENVIRONMENT": "test"},
        check=True,
        capture_output=True,
        text=True,
    )
    package, migrations, status, chinese = json.loads(done.stdout.splitlines()[-1])
    assert package.startswith(str(unpacked)) and migrations.startswith(str(unpacked))
    assert (status, chinese) == (200, True)
