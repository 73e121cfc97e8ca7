"""HTTP of deliveries: the list and its export, one with its whole story, a person's history, taking something back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.db import db
from portal.members.workers import queries as workers
from portal.members.workers.rules import mask_name
from portal.pictures import Picture
from portal.types import N_, Refused, Text, text
from portal.unions.tree.queries import reaches
from portal.web import done, invalid, page, pager, send_picture, send_workbook, unkeyed, writes
from portal.welfare.deliveries import commands, exports, forms, queries
from portal.welfare.deliveries.models import Delivery, DeliverySource, Flag
from portal.welfare.deliveries.queries import State
from portal.welfare.programmes.models import Programme

bp = Blueprint("deliveries", __name__)

# Rooms above put their part on the page of a delivery: a function of it that answers (template, context), or None.
parts: list[Callable[[Delivery], tuple[str, dict[str, Any]] | None]] = []
# … and their links above the list: (label, address, how many wait) for whoever is asking, or None.
links: list[Callable[[Any], tuple[Text, str, int] | None]] = []


@bp.get("/deliveries")
@requires(Permission.VIEW_DELIVERIES)
def index() -> Response:
    """What was given within one's part of the tree, the latest first."""
    actor, chosen = access.actor(), forms.filters()
    rows = queries.list_deliveries(actor, chosen, before=request.args.get("before"), after=request.args.get("after"))
    programmes, stations = queries.offered(actor)
    return page(
        "welfare/deliveries/index.html", fragments=("deliveries",), rows=rows, filters=chosen, pager=pager(rows),
        programmes=programmes, stations=stations, sources=DeliverySource.choices(), states=State.choices(), flags=Flag,
        links=[found for look in links if (found := look(actor))],
    )  # fmt: skip


@bp.post("/deliveries/export")
@requires(Permission.EXPORT_PEOPLE)
@unkeyed("each export is an entry of its own in the trail")
def export() -> Response:
    """The deliveries that match, as a workbook with masked names."""
    actor, chosen = access.actor(), forms.filters()
    if not actor.may(Permission.VIEW_DELIVERIES):
        abort(403)
    commands.note_export(union_id=actor.unions(Permission.EXPORT_PEOPLE)[0], filters=chosen, by=access.by())
    return send_workbook(
        f"{_('Deliveries')} {clock.today():%Y-%m-%d}", exports.COLUMNS, exports.rows(actor=actor, filters=chosen)
    )


@bp.get("/deliveries/people/<uuid:receiver_id>")
@requires(Permission.VIEW_MEMBERS)
def person(receiver_id: UUID) -> Response:
    """What one person received within one's part of the tree."""
    actor = access.actor()
    found = queries.list_of_person(receiver_id, actor, before=request.args.get("before"), after=request.args.get("after"))
    # Beyond the last page there may be nothing; whoever received nothing here at all is nobody here.
    if not found and not (request.args and queries.list_of_person(receiver_id, actor)):
        abort(404)
    return page("welfare/deliveries/person.html", rows=found, pager=pager(found), flags=Flag,
                person=workers.masked(workers.get_worker(receiver_id)))  # fmt: skip


def may_see_photo(delivery: Delivery) -> bool:
    """Whoever checks, and whoever answers for the station: a photo shows a person."""
    actor, who = access.actor(), (Permission.CHECK_DELIVERIES, Permission.MANAGE_BOOKINGS)
    return any(actor.may(one) and reaches(actor, one, delivery.union_id) for one in who)


def show_delivery(delivery: Delivery, form: forms.ReverseForm | None = None, **more: Any) -> Response:
    """The page of one; with a form that needs another look it is a 422."""
    actor, story = access.actor(), queries.story_of(delivery)
    may_reverse = actor.may(Permission.MANAGE_BOOKINGS) and reaches(actor, Permission.MANAGE_BOOKINGS, delivery.union_id)
    answer = page if form is None and not more else invalid
    return answer(
        "welfare/deliveries/show.html", delivery=delivery, story=story, one=story.listed, flags=Flag,
        union=queries.union_name(delivery), proxy=mask_name(delivery.proxy_name), may_reverse=may_reverse and not story.reversal,
        may_see_photo=delivery.proof_picture_id and may_see_photo(delivery),
        may_see_person=actor.may(Permission.VIEW_MEMBERS) and reaches(actor, Permission.VIEW_MEMBERS, delivery.union_id),
        form=form or forms.ReverseForm(formdata=None), parts=[part for look in parts if (part := look(delivery, **more))],
    )  # fmt: skip


@bp.get("/deliveries/<uuid:delivery_id>")
@requires(Permission.VIEW_DELIVERIES)
def show(delivery_id: UUID) -> Response:
    """One delivery: what led to it, what moved with it, what became of it."""
    return show_delivery(queries.get_delivery(delivery_id, access.actor()))


@bp.get("/deliveries/<uuid:delivery_id>/photo")
@requires(Permission.VIEW_DELIVERIES)
def photo(delivery_id: UUID) -> Response:
    """The photo that shows it was received."""
    delivery = queries.get_delivery(delivery_id, access.actor())
    if not delivery.proof_picture_id or not may_see_photo(delivery):
        abort(404)
    return send_picture(db.session.get_one(Picture, delivery.proof_picture_id), small="small" in request.args)


@bp.post("/deliveries/<uuid:delivery_id>/reverse")
@requires(Permission.MANAGE_BOOKINGS)
@writes
def reverse(delivery_id: UUID) -> Response:
    """Take it back: goods, quota and money are there again."""
    delivery = queries.get_delivery(delivery_id, access.actor(), Permission.MANAGE_BOOKINGS)
    form = forms.ReverseForm()
    if form.validate():
        try:
            commands.reverse_delivery(delivery=delivery, reason=form.reason.data, by=access.by())
            says = N_("Taken back. It counts no more, and what it took is there again.")
            return done(url_for("deliveries.show", delivery_id=delivery.id), text(says))
        except Refused as refused:
            form.take(refused.problems)
    return show_delivery(delivery, form)


def section(programme: Programme) -> dict[str, Any] | None:
    """The link from the page of a programme; a heading gives nothing itself."""
    if programme.item_id is None:
        return None
    return {
        "title": text(N_("Deliveries")), "url": url_for("deliveries.index", programme=programme.code),
        "text": text(N_("Who received it, when, where and from which money.")),
    }  # fmt: skip


def cause(ident: str) -> tuple[str, Any] | None:
    """A delivery as the ledger shows it."""
    name = queries.cause_page(ident)
    return (url_for("deliveries.show", delivery_id=ident), name) if name else None
