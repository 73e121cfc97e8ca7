"""Sealing closed days."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.stations.seals import queries, rules


def seal_days(*, by: By, until: date | None = None, limit: int = 500) -> int:
    """Seal the business days before ``until`` (today, minutes after midnight) that have lines no seal covers.

    One digest a station and day; lines written down after the day was sealed get a part of their own. The digest is
    SHA-256 over the lines in order of id: id, moment, visit, service, repeated; a further part begins with the digest
    before it. Waits for entries to closed days that are under way. Flushes.
    """
    end = clock.start_of(until or clock.business_day(clock.now() - rules.SEAL_AFTER))
    since = end - timedelta(days=40)
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('seal-days'))"))
    oldest = db.session.scalar(sa.text("SELECT min(at) FROM visit_lines WHERE recorded_at >= :since"), {"since": since})
    rows = db.session.execute(
        sa.text(
            f"""
            WITH last AS (
                SELECT DISTINCT ON (station_id, day) station_id, day, part, sealed_at, digest FROM day_seals
                WHERE day >= :first ORDER BY station_id, day, part DESC
            ), open AS (
                SELECT l.*, last.part, last.digest FROM (
                    SELECT *, CAST(at AT TIME ZONE 'Asia/Shanghai' AS date) AS day FROM visit_lines
                    WHERE at < :end AND (at >= :since OR recorded_at >= :since)) l
                LEFT JOIN last ON last.station_id = l.station_id AND last.day = l.day
                WHERE last.part IS NULL OR l.recorded_at > last.sealed_at
            ), days AS (
                SELECT l.station_id, l.day, coalesce(max(l.part) + 1, 0) AS part, count(*) AS lines,
                       encode((array_agg(l.digest))[1], 'hex') AS before, max(l.recorded_at) AS latest,
                       {queries.SEALED_TEXT} AS text
                FROM open l GROUP BY l.station_id, l.day)
            INSERT INTO day_seals (station_id, day, part, lines, digest, sealed_at)
            SELECT station_id, day, part, lines, sha256(convert_to(concat_ws(chr(10), before, text), 'UTF8')),
                   greatest(CAST(:now AS timestamptz), latest) FROM days
            LIMIT :limit ON CONFLICT DO NOTHING RETURNING station_id
            """
        ),
        {
            "end": end,
            "since": since,
            "first": clock.business_day(min(oldest or since, since)),
            "now": clock.now(),
            "limit": limit,
        },
    ).all()
    return len(rows)
