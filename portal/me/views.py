"""HTTP of me: card, what I received, membership or the way to it, my data."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for

from portal import access, clock
from portal.access import workers_only
from portal.me import commands
from portal.members.joining import commands as joining_commands
from portal.members.joining import queries as joining
from portal.members.joining.models import OPEN_STATUSES, ApplicationStatus
from portal.members.memberships import queries as memberships
from portal.members.memberships.rules import path
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.models import CardKind, Purpose, Worker
from portal.members.workers.rules import in_groups, mask_phone, window_ends
from portal.members.workers.views import picture
from portal.paging import Slice, cursor, open_cursor
from portal.retention import NOTICE_VERSION
from portal.stations.visits import queries as visits
from portal.stations.visits.models import Visit
from portal.types import N_, text
from portal.web import done, page, pager, writes
from portal.welfare.bookings import queries as bookings
from portal.welfare.checks import queries as checks

bp = Blueprint("me", __name__)

PREVIEW = 3
PER_PAGE = 20


def _me() -> Worker:
    return workers.get_worker(access.actor().id)


@bp.get("/me")
@workers_only
def index() -> Response:
    """Everything of one's own on one page."""
    worker = _me()
    card = workers.find_card(worker.id)
    membership = memberships.find_membership(worker.id)
    application = joining.find_open(worker.id) or joining.find_latest(worker.id)
    booked = bookings.list_of_worker(worker.id, alive=True, limit=10)
    walked = membership.application_id if membership else application.id if application else None
    return page(
        "me/index.html",
        fragments=("code",),
        person=workers.masked(worker),
        card=card,
        picture=picture(card.code) if card else None,
        spoken=in_groups(card.code) if card else None,
        good_until=window_ends(clock.now()),
        printed=[one for one in workers.list_cards(worker.id) if one.kind is CardKind.PRINTED],
        stays=visits.list_visits_of_worker(worker.id, limit=PREVIEW),
        bookings=booked,
        lines=bookings.places_in_line(row.booking for row in booked),
        served=visits.count_visits_of_worker(worker.id),
        given=checks.list_received(worker.id, limit=PREVIEW),
        membership=membership,
        home=memberships.find_home(membership.id) if membership else None,
        application=application,
        is_open=application is not None and application.status in OPEN_STATUSES,
        is_returned=application is not None and application.status is ApplicationStatus.RETURNED,
        invited=not worker.never_invite_at,
        steps=path(memberships.milestones(walked)) if walked else [],
        consents=workers.list_consents(worker.id),
        purposes=list(Purpose),
        phones=[(mask_phone(contact.phone), contact.confirmed_at) for contact in workers.list_phones(worker.id)],
    )


@bp.get("/me/received")
@workers_only
def received() -> Response:
    """Every visit and everything of welfare, each newest first and each with pages of its own."""
    before = open_cursor(request.args.get("after"), (Visit.at, Visit.id))
    worker = _me()
    found = visits.list_visits_of_worker(worker.id, before=before, limit=PER_PAGE + 1)
    more, rows = len(found) > PER_PAGE, found[:PER_PAGE]
    stays = Slice(rows, None, cursor((rows[-1].at, rows[-1].visit_id)) if more else None)
    since = open_cursor(request.args.get("given"), (Visit.at, Visit.id))
    given = checks.list_received(worker.id, before=since, limit=PER_PAGE + 1)
    edge = given[PER_PAGE - 1].listed.delivery if len(given) > PER_PAGE else None
    return page("me/received.html", stays=stays, pager=pager(stays), first=before is None, given=given[:PER_PAGE],
                given_more=url_for("me.received", given=cursor((edge.at, edge.id))) if edge else None)  # fmt: skip


@bp.post("/me/card")
@workers_only
@writes
def show_card() -> Response:
    """Issue the card if there is none; with `again`, a fresh one instead of the old."""
    worker = _me()
    if request.form.get("again"):
        worker_commands.issue_card(worker=worker, by=access.by())
        return done(url_for("me.index"), text(N_("This is your new code. The old one no longer finds you.")))
    worker_commands.ensure_card(worker=worker, by=access.by())
    return done(url_for("me.index"))


@bp.post("/me/cards/<uuid:card_id>/revoke")
@workers_only
@writes
def revoke_card(card_id: UUID) -> Response:
    """A lost card or sticker finds nobody from now on."""
    if not worker_commands.revoke_card(worker=_me(), card_id=card_id, by=access.by()):
        abort(404)
    return done(url_for("me.index"), text(N_("This card finds you no more. You get a new one at any station.")))


@bp.post("/me/consents/<string:purpose>")
@workers_only
@writes
def consent(purpose: str) -> Response:
    """Give or withdraw one consent; both are one tap."""
    try:
        wanted = Purpose(purpose)
    except ValueError:
        abort(404)
    worker, by = _me(), access.by()
    if request.form.get("do") == "withdraw":
        commands.withdraw_consent(worker=worker, purpose=wanted, by=by)
        return done(url_for("me.index"), text(N_("Withdrawn from now on.")))
    worker_commands.give_consent(worker=worker, purpose=wanted, notice_version=NOTICE_VERSION, channel="me", by=by)
    return done(url_for("me.index"), text(N_("Noted. You can withdraw it here at any time.")))


@bp.post("/me/application/withdraw")
@workers_only
@writes
def withdraw_application() -> Response:
    """Take one's own open application back."""
    application = joining.find_open(_me().id)
    if application:
        joining_commands.withdraw(application=application, by=access.by())
    return done(url_for("me.index"), text(N_("Your application is withdrawn. You are served all the same.")))
