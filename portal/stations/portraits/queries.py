"""Reads of a station's portrait: photographs, stars, history."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from portal.audit import AuditEntry
from portal.db import db
from portal.paging import Slice, keyset
from portal.pictures import Picture
from portal.stations.register.models import StarRating, Station, StationPhoto, StationStatus
from portal.unions.staff.queries import names_of_staff


def find_photo(station: Station, ident: UUID | None) -> StationPhoto | None:
    """A photograph of this station, or None."""
    photo = db.session.get(StationPhoto, ident) if ident else None
    return photo if photo and photo.station_id == station.id else None


def get_public_picture(code: str, photo_id: UUID) -> Picture:
    """The picture behind a photograph of a station that the public may find; raises NoResultFound (404)."""
    return db.session.scalars(
        sa.select(Picture)
        .join(StationPhoto, StationPhoto.picture_id == Picture.id)
        .join(Station, Station.id == StationPhoto.station_id)
        .where(Station.code == code, Station.status != StationStatus.PLANNED, StationPhoto.id == photo_id)
    ).one()


def list_ratings(station: Station) -> list[tuple[StarRating, str | None]]:
    """Stars as they were given, the latest first, each with the name of who wrote it down."""
    order = (StarRating.rated_on.desc(), StarRating.id.desc())
    rows = list(db.session.scalars(sa.select(StarRating).where(StarRating.station_id == station.id).order_by(*order)))
    names = names_of_staff({row.by_account_id for row in rows if row.by_account_id})
    return [(row, names.get(row.by_account_id)) for row in rows]


def list_history(station: Station, *, before: str | None = None, after: str | None = None) -> Slice:
    """(audit entry, name of staff) of everything done to this station, newest first, a page at a time."""
    found = keyset(
        sa.select(AuditEntry).where(AuditEntry.subject_table == "stations", AuditEntry.subject_id == str(station.id)),
        (AuditEntry.id,),
        lambda entry: (entry.id,),
        before=before,
        after=after,
        descending=True,
    )
    names = names_of_staff({entry.actor_id for entry in found.rows if entry.actor_kind == "staff" and entry.actor_id})
    return Slice([(entry, names.get(entry.actor_id)) for entry in found.rows], found.before, found.after)
