"""HTTP of a station's portrait: photographs, stars, history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, public, requires
from portal.i18n import say
from portal.stations.portraits import commands, forms, queries, rules
from portal.stations.register.models import Station, StationPhoto
from portal.stations.register.queries import get_station_for, list_photos
from portal.stations.register.rules import opening
from portal.types import N_, Refused, Text, text, tidy
from portal.unions.trail import rules as trail
from portal.unions.tree.queries import names_of
from portal.web import done, invalid, page, pager, send_picture, writes

bp = Blueprint("portraits", __name__)

KEEP = Permission.KEEP_STATIONS


def _station(code: str) -> Station:
    return get_station_for(code, access.actor(), KEEP)


def _frame(station: Station) -> dict[str, Any]:
    return {"station": station, "opening": opening(station, clock.now())}


# --- photographs -----------------------------------------------------------------------------------------------


@bp.get("/stations/<string:code>/photos/<uuid:photo_id>")
@public
def photo(code: str, photo_id: UUID) -> Response:
    """A photograph of a place that everyone may find. It never changes, but it may be taken away: kept for a day."""
    response = send_picture(queries.get_public_picture(code, photo_id), small=request.args.get("size") == "small")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@bp.get("/staff/stations/<string:code>/photos")
@requires(KEEP)
def photos(code: str) -> Response:
    """The photographs of a station, to be added, ordered and taken away."""
    return _photos_page(_station(code), forms.PhotoForm())


def _photos_page(station: Station, form: forms.PhotoForm) -> Response:
    draw = invalid if form.errors else page
    return draw("stations/portraits/photos.html", form=form, photos=list_photos(station), **_frame(station))


def _photos_done(station: Station, says: Text, kind: str = "success") -> Response:
    return done(url_for("portraits.photos", code=station.code), says, kind)


@bp.post("/staff/stations/<string:code>/photos")
@requires(KEEP)
@writes
def add_photo(code: str) -> Response:
    """Add a photograph."""
    station, form = _station(code), forms.PhotoForm()
    if form.validate():
        try:
            commands.add_photo(station=station, stream=form.photo.data.stream, caption=form.caption.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _photos_done(station, text(N_("The photo is on the station's page.")))
    return _photos_page(station, form)


def _chosen(station: Station) -> StationPhoto | None:
    try:
        return queries.find_photo(station, UUID(request.form.get("photo_id", "")))
    except ValueError:
        return None


GONE = text(N_("This photo is not there any more."))


@bp.post("/staff/stations/<string:code>/photos/caption")
@requires(KEEP)
@writes
def caption_photo(code: str) -> Response:
    """Say something else beneath a photograph."""
    station = _station(code)
    if (chosen := _chosen(station)) is None:
        return _photos_done(station, GONE, "error")
    caption = (tidy(request.form.get("caption")) or "")[:60] or None
    commands.caption_photo(station=station, photo=chosen, caption=caption, by=access.by())
    return _photos_done(station, text(N_("The caption is saved.")))


@bp.post("/staff/stations/<string:code>/photos/first")
@requires(KEEP)
@writes
def move_photo(code: str) -> Response:
    """Put a photograph before the others."""
    station = _station(code)
    if (chosen := _chosen(station)) is None:
        return _photos_done(station, GONE, "error")
    commands.move_photo_first(station=station, photo=chosen, by=access.by())
    return _photos_done(station, text(N_("This photo is shown first now.")))


@bp.post("/staff/stations/<string:code>/photos/remove")
@requires(KEEP)
@writes
def remove_photo(code: str) -> Response:
    """Take a photograph away for good."""
    station = _station(code)
    if (chosen := _chosen(station)) is None:
        return _photos_done(station, GONE, "error")
    commands.remove_photo(station=station, photo=chosen, by=access.by())
    return _photos_done(station, text(N_("The photo is removed.")))


# --- stars -----------------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/stars")
@requires(KEEP)
def stars(code: str) -> Response:
    """Stars with their history."""
    return _stars_page(_station(code), forms.StarsForm())


def _stars_page(station: Station, form: forms.StarsForm) -> Response:
    draw = invalid if form.errors else page
    return draw("stations/portraits/stars.html", form=form, ratings=queries.list_ratings(station), **_frame(station))


@bp.post("/staff/stations/<string:code>/stars")
@requires(KEEP)
@writes
def give_stars(code: str) -> Response:
    """Write down stars that were given or taken."""
    station, form = _station(code), forms.StarsForm()
    if form.validate():
        given = int(form.stars.data) if form.stars.data else None
        try:
            commands.give_stars(station=station, stars=given, rated_on=form.rated_on.data, basis=form.basis.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("portraits.stars", code=code), text(N_("Written down.")))
    return _stars_page(station, form)


# --- history ---------------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/history")
@requires(KEEP)
def history(code: str) -> Response:
    """Who changed what, from what to what, newest first."""
    station = _station(code)
    found = queries.list_history(station, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/portraits/history.html", fragments=("changes",), pager=pager(found), rows=_in_words(found.rows),
        **_frame(station),
    )  # fmt: skip


def _in_words(rows: list[tuple[Any, str | None]]) -> list[tuple[Any, str, str, list[tuple[str, list[str]]]]]:
    unions = names_of(ident for entry, _who in rows for ident in _union_ids(entry.details))
    said = []
    for entry, who in rows:
        details = [
            (say(label), [unions.get(_uuid(one)) or _said(one) for one in values])
            for label, values in rules.changes_in_words(entry.details)
        ]
        actor = who or _(trail.ACTORS.get(entry.actor_kind, entry.actor_kind))
        said.append((entry, actor, _(trail.ACTIONS.get(entry.action, entry.action)), details))
    return said


def _union_ids(details: dict[str, Any]) -> list[UUID]:
    pair = (details.get("changes") or {}).get("union_id") or []
    return [ident for one in pair if (ident := _uuid(one))]


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _said(value: Any) -> str:
    return " · ".join(map(say, value)) if isinstance(value, list) else say(value)
