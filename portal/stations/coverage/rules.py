"""What the numbers of a county say: where a gap is, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from portal.stations.register.models import StationKind
from portal.types import N_, Text, text

WIDTH, MARGIN, LARGEST, LABEL = 680, 34, 18, 14  # of the drawing, in its own units; beneath a dot stands its name


@dataclass(frozen=True)
class Row:
    """A county and what serves there; ``kinds`` counts the stations in service of each kind. The point is (lat, lng)."""

    code: str
    name: str
    city: str
    point: tuple[float, float] | None = None
    serving: int = 0
    all_day: int = 0
    open_now: int = 0
    homes: int = 0
    kinds: dict[StationKind, int] = field(default_factory=dict)


def gaps(row: Row, kind: StationKind | None = None) -> list[Text]:
    """What is missing in a county, in words; of one kind alone only what that kind can lack."""
    if not row.serving:
        return [text(N_("No station in service"))]
    found = []
    if not row.all_day:
        found.append(text(N_("None around the clock")))
    if not row.homes and kind is None:
        found.append(text(N_("No drivers' home")))
    return found


@dataclass(frozen=True)
class Dot:
    """A county on the drawing."""

    x: float
    y: float
    radius: float
    row: Row


@dataclass(frozen=True)
class Drawing:
    """The dots of the counties that have a point, on a plane of ``width`` × ``height``."""

    width: int
    height: int
    dots: list[Dot]


def draw(rows: Sequence[Row]) -> Drawing | None:
    """Dots where the counties lie, their area by the number of stations in service; no outlines, no tiles."""
    placed = [row for row in rows if row.point]
    if not placed:
        return None
    lats, lngs = [row.point[0] for row in placed], [row.point[1] for row in placed]
    shrink = math.cos(math.radians((min(lats) + max(lats)) / 2))
    across, up = (max(lngs) - min(lngs)) * shrink, max(lats) - min(lats)
    scale = (WIDTH - 2 * MARGIN) / max(across, up, 0.2)
    left = (WIDTH - across * scale) / 2  # always as wide: few dots stay dots, in the middle, with their names readable
    most = max((row.serving for row in placed), default=0) or 1
    dots = [
        Dot(
            round(left + (row.point[1] - min(lngs)) * shrink * scale, 1),
            round(MARGIN + (max(lats) - row.point[0]) * scale, 1),
            round(max(3.5, LARGEST * math.sqrt(row.serving / most)), 1),
            row,
        )
        for row in placed
    ]
    # The largest first, so that a small one beside it stays in sight.
    return Drawing(WIDTH, round(up * scale + 2 * MARGIN + LABEL), sorted(dots, key=lambda dot: (-dot.radius, dot.row.code)))


def total(rows: Sequence[Row]) -> Row:
    """All counties together; the kinds are those that serve anywhere, in the order of the vocabulary."""
    kinds = {kind: sum(row.kinds.get(kind, 0) for row in rows) for kind in StationKind}
    sums = (sum(getattr(row, name) for row in rows) for name in ("serving", "all_day", "open_now", "homes"))
    return Row("", "", "", None, *sums, kinds={kind: count for kind, count in kinds.items() if count})
