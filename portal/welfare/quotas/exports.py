"""The cascade as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.quotas.queries import Node

COLUMNS = [
    Column(text(N_("Level")), 8), Column(text(N_("Share held by")), 30), Column(text(N_("Quota held")), 12),
    Column(text(N_("Handed down")), 14), Column(text(N_("Used")), 10), Column(text(N_("Left")), 10),
    Column(text(N_("Take-back day")), 14),
]  # fmt: skip


def rows(nodes: Iterable[Node]) -> Iterator[tuple[Any, ...]]:
    """Shares in the order of the columns, from the top down."""
    for node in nodes:
        share = node.share
        yield (node.depth + 1, node.holder, share.amount, share.given, share.used, share.left, share.take_back_on)
