"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.cli import state_pictures

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])


def test_state_pictures_are_drawn_from_the_tables():
    assert (ROOT / "docs" / "states.md").read_text("utf-8") == state_pictures()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page):
    missing = [
        target
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_readme_names_every_room(application):
    """The map of the house is the house."""
    text = (ROOT / "README.md").read_text("utf-8")
    folders = [path for path in (ROOT / "portal").rglob("__init__.py") if "static" not in path.parts]
    rooms = {"/".join(path.parent.relative_to(ROOT / "portal").parts) for path in folders} - {""}
    flat = {path.name for path in (ROOT / "portal").glob("*.py")} - {"__init__.py"}
    assert sorted(room for room in rooms if f"`{room}" not in text and room.split("/")[-1] not in text) == []
    assert sorted(name for name in flat if name not in text) == []


def test_settings_are_documented():
    from portal.config import Settings

    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    names = ["DATABASE_URL" if name == "database_url" else f"PORTAL_{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if name not in text] == []
