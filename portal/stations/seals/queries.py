"""Whether the seals hold, and up to when a day is sealed."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from portal.db import db
from portal.stations.seals.models import DaySeal

# What a seal covers, one line of text a visit line; the sealing and the check of seals read the same.
SEALED_TEXT = """string_agg(concat_ws('|', l.id, extract(epoch FROM l.at), l.visit_id, l.service, l.repeated), chr(10)
                            ORDER BY l.id)"""


def list_broken_seals(first: date, last: date) -> list[tuple[UUID, date, int]]:
    """(station, day, part) of the seals of these days that no longer agree with their lines; none if all hold."""
    rows = db.session.execute(
        sa.text(
            f"""
            SELECT d.station_id, d.day, d.part FROM day_seals d
            LEFT JOIN day_seals p ON p.station_id = d.station_id AND p.day = d.day AND p.part = d.part - 1
            CROSS JOIN LATERAL (
                SELECT count(*) AS lines, {SEALED_TEXT} AS text FROM visit_lines l
                WHERE l.station_id = d.station_id
                  AND l.at >= CAST(d.day AS timestamp) AT TIME ZONE 'Asia/Shanghai'
                  AND l.at < CAST(d.day + 1 AS timestamp) AT TIME ZONE 'Asia/Shanghai'
                  AND coalesce(l.recorded_at, '-infinity') <= d.sealed_at
                  AND (d.part = 0 OR l.recorded_at > p.sealed_at)) now
            WHERE d.day BETWEEN :first AND :last AND (
                now.lines <> d.lines OR (d.part > 0 AND p.digest IS NULL)
                OR sha256(convert_to(concat_ws(chr(10), encode(p.digest, 'hex'), now.text), 'UTF8')) IS DISTINCT FROM d.digest)
            ORDER BY d.day, d.station_id, d.part
            """
        ),
        {"first": first, "last": last},
    )
    return [(row.station_id, row.day, row.part) for row in rows]


def hold_back() -> None:
    """Keep the sealing out until this transaction ends: something is being written down for a day that is over."""
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock_shared(hashtext('seal-days'))"))


def last_sealed_at(station_id: UUID, day: date) -> datetime | None:
    """When a station's day was sealed last, None if it is open."""
    sealed = sa.select(sa.func.max(DaySeal.sealed_at))
    return db.session.scalar(sealed.where(DaySeal.station_id == station_id, DaySeal.day == day))
