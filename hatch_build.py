"""Build hook: a standard wheel carries templates/, migrations/ and catalogues; an editable install reads the checkout."""

from __future__ import annotations

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Named by pyproject.toml."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Compile the catalogues; add the two top-level folders to standard wheels."""
        root = Path(self.root)
        for catalogue in (root / "portal" / "translations").glob("*/LC_MESSAGES/messages.po"):
            with catalogue.open("rb") as source, catalogue.with_suffix(".mo").open("wb") as target:
                write_mo(target, read_po(source))
        if version != "editable":
            for folder in ("templates", "migrations"):
                build_data["force_include"][str(root / folder)] = f"portal/_carried/{folder}"
