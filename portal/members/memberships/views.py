"""HTTP of members: the list, one member with history and path, the export."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.members.memberships import commands, exports, queries
from portal.members.memberships.forms import SearchForm
from portal.members.memberships.models import MembershipStatus
from portal.members.memberships.rules import looks_like_number, path, status
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.rules import mask_id_number
from portal.types import N_, text, tidy
from portal.web import changes_nothing, done, page, pager, send_workbook, unkeyed, writes

bp = Blueprint("members", __name__)


def _filters() -> dict[str, Any]:
    try:
        wanted = MembershipStatus(request.values.get("status", ""))
    except ValueError:
        wanted = None
    return {"q": tidy(request.values.get("q")), "status": wanted, "union": tidy(request.values.get("union"))}


@bp.get("/members")
@requires(Permission.VIEW_MEMBERS)
def index() -> Response:
    """Members of the actor's part of the tree, whoever joined last first."""
    filters, actor = _filters(), access.actor()
    found = queries.list_members(actor=actor, **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("members/memberships/index.html", rows=found, filters=filters, pager=pager(found),
                statuses=MembershipStatus.choices(), unions=queries.list_home_unions(actor=actor))  # fmt: skip


@bp.post("/members/search")
@requires(Permission.VIEW_MEMBERS)
@changes_nothing("somebody may type a phone or document number here, and that must not stand in an address")
def search() -> Response:
    """A whole number opens its member; the beginning of a name lists; any other digits are not looked for."""
    form = SearchForm()
    key = form.q.data if form.validate() else None
    if key and looks_like_number(key) and queries.list_members(actor=access.actor(), q=key).rows:
        return redirect(url_for("members.show", number=key), 303)
    if key and any(sign.isdigit() for sign in key):
        return page("members/memberships/index.html", rows=[], filters={"q": None, "status": None, "union": None},
                    pager={}, statuses=MembershipStatus.choices(), nothing=True,
                    unions=queries.list_home_unions(actor=access.actor()))  # fmt: skip
    return redirect(url_for("members.index", q=key), 303)


@bp.post("/members/export")
@requires(Permission.EXPORT_PEOPLE)
@unkeyed("each export is an entry of its own in the trail")
def export() -> Response:
    """The members that match, as a workbook with masked names."""
    filters, actor = _filters(), access.actor()
    commands.note_export(union_id=actor.unions(Permission.EXPORT_PEOPLE)[0], status=filters["status"],
                         searched=bool(filters["q"]), by=access.by())  # fmt: skip
    return send_workbook(f"{_('Members')} {clock.today():%Y-%m-%d}", exports.COLUMNS, exports.rows(actor=actor, **filters))


@bp.get("/members/<string:number>")
@requires(Permission.VIEW_MEMBERS)
def show(number: str) -> Response:
    """A member's card, the history of the membership, and the path from the first service to it."""
    membership = queries.get_membership(number, actor=access.actor())
    worker = workers.get_worker(membership.worker_id)
    records = queries.list_records(membership.id)
    return page(
        "members/memberships/show.html", membership=membership, worker=worker, person=workers.masked(worker),
        id_number=mask_id_number(worker.id_number), records=records,
        standing=status([record for record, _union in records], clock.now()),
        steps=path(queries.milestones(membership.application_id)), cards=workers.list_cards(worker.id),
    )  # fmt: skip


@bp.post("/members/<string:number>/cards")
@requires(Permission.DECIDE_APPLICATIONS)
@writes
def issue_card(number: str) -> Response:
    """A card on paper for a member, or the end of all those before: an officer sees whoever has no signal, too."""
    worker = workers.get_worker(queries.get_membership(number, actor=access.actor()).worker_id)
    if request.form.get("do") == "revoke":
        worker_commands.revoke_printed(worker=worker, by=access.by())
        return done(url_for("members.show", number=number), text(N_("Every printed card of this person finds nobody any more.")))
    worker_commands.issue_printed_card(worker=worker, replace=bool(request.form.get("replace")), by=access.by())
    return done(url_for("workers.cards"), text(N_("The card is ready: print this sheet and hand it over.")))
