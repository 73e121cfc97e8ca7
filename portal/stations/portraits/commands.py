"""Changes to the portrait of a station: stars with their history, photographs of the place."""

from __future__ import annotations

from datetime import date
from typing import Any, BinaryIO

import sqlalchemy as sa

from portal import audit, clock, pictures
from portal.access import By
from portal.db import db
from portal.stations.portraits import queries, rules
from portal.stations.register.models import StarRating, Station, StationPhoto
from portal.stations.register.queries import list_photos
from portal.types import N_, Problem, Refused, text

MOST_PHOTOS = 12


def give_stars(*, station: Station, stars: int | None, rated_on: date, basis: str, by: By) -> None:
    """Write down stars as they were given, or taken (None); the latest decision is what the station shows. Raises Refused."""
    if problems := rules.problems_with_stars(stars, rated_on, clock.today()):
        raise Refused(problems)
    _lock(station)
    db.session.add(StarRating(station_id=station.id, basis=basis, **_stamp(by), stars=stars, rated_on=rated_on))
    db.session.flush()
    before, station.stars = station.stars, queries.list_ratings(station)[0][0].stars
    said = {"stars": [before, station.stars], "rated_on": rated_on, "basis": basis}
    audit.record("station.stars_given", by=by, subject=station, union_id=station.union_id, **said)
    db.session.flush()


def add_photo(*, station: Station, stream: BinaryIO, caption: str | None, by: By) -> StationPhoto:
    """Put a photograph of the place behind the others. Raises Refused."""
    _lock(station)
    photos = list_photos(station)
    if len(photos) >= MOST_PHOTOS:
        says = text(N_("A station shows at most %(most)s photos. Take one away first."), most=MOST_PHOTOS)
        raise Refused([Problem("too_many_photos", says, field="photo")])
    picture = pictures.keep(stream, by=by)
    position = photos[-1].position + 1 if photos else 0
    photo = StationPhoto(station_id=station.id, picture_id=picture.id, position=position, caption=caption)
    db.session.add(photo)
    audit.record("station.photo_added", by=by, subject=station, union_id=station.union_id, caption=caption)
    db.session.flush()
    return photo


def caption_photo(*, station: Station, photo: StationPhoto, caption: str | None, by: By) -> None:
    """Say something else beneath a photograph."""
    if photo.caption != caption:
        before, photo.caption = photo.caption, caption
        audit.record("station.photo_changed", by=by, subject=station, union_id=station.union_id, caption=[before, caption])
        db.session.flush()


def move_photo_first(*, station: Station, photo: StationPhoto, by: By) -> None:
    """Put a photograph before the others."""
    _lock(station)
    ordered = [photo, *(one for one in list_photos(station) if one is not photo)]
    for place, one in enumerate(ordered):
        one.position = place
    audit.record("station.photo_changed", by=by, subject=station, union_id=station.union_id, caption=photo.caption)
    db.session.flush()


def remove_photo(*, station: Station, photo: StationPhoto, by: By) -> None:
    """Take a photograph away for good, its pixels too."""
    picture = db.session.get(pictures.Picture, photo.picture_id)
    db.session.delete(photo)
    db.session.flush()
    db.session.delete(picture)
    audit.record("station.photo_removed", by=by, subject=station, union_id=station.union_id, caption=photo.caption)
    db.session.flush()


def _lock(station: Station) -> None:
    db.session.execute(sa.select(Station.id).where(Station.id == station.id).with_for_update())


def _stamp(by: By) -> dict[str, Any]:
    return {"at": clock.now(), "by_account_id": by.id if by.kind == "staff" else None}
