"""HTTP of “what am I entitled to, and why not the rest”: signed in, by five questions, and beside one programme."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, url_for

from portal import access, clock
from portal.access import public, workers_only
from portal.members.workers import commands as workers
from portal.members.workers.queries import get_worker
from portal.types import N_, Refused, text
from portal.web import changes_nothing, done, invalid, page, writes
from portal.welfare.bookings.queries import list_held
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.eligibility.models import Standing
from portal.welfare.entitlements import queries
from portal.welfare.entitlements.forms import AboutMeForm, QuestionsForm
from portal.welfare.entitlements.rules import Group
from portal.welfare.programmes.models import Programme, Way

bp = Blueprint("entitlements", __name__)


def _worker_id() -> Any:
    who = access.actor()
    return who.id if who and who.kind == "worker" else None


def _grouped(found: list[queries.Entitlement]) -> list[tuple[Group, list[queries.Entitlement]]]:
    return [(group, rows) for group in Group if (rows := [one for one in found if one.group is group])]


@bp.get("/welfare/for-me")
@public
def for_me() -> Response:
    """What is there for whoever is signed in; for everyone else five questions."""
    if worker_id := _worker_id():
        return _mine(worker_id, AboutMeForm(formdata=None))
    return _questions(QuestionsForm())


def _mine(worker_id: Any, form: AboutMeForm) -> Response:
    found = queries.list_for(worker_id=worker_id, at=clock.now())
    facts = eligibility.facts_of(worker_id)
    missing = sorted({name for one in found for name in one.missing})
    if not form.is_submitted():
        form.born_on.data, form.sex.data = facts.born_on, facts.sex or ""
    draw = invalid if form.errors else page
    return draw("welfare/entitlements/for_me.html", groups=_grouped(found), found=found, missing=missing, form=form,
                states=not facts.from_document, member=facts.standing is Standing.MEMBER)  # fmt: skip


@bp.post("/welfare/for-me/about-me")
@workers_only
@writes
def about_me() -> Response:
    """State one's birth date and sex."""
    form, worker_id = AboutMeForm(), _worker_id()
    if form.validate():
        try:
            workers.state_person(worker=get_worker(worker_id), sex=form.sex.data or None, born_on=form.born_on.data,
                                 by=access.by())  # fmt: skip
            return done(url_for("entitlements.for_me"), text(N_("Thank you. The list below goes by it.")))
        except Refused as refused:
            form.take(refused.problems)
    return _mine(worker_id, form)


# --- five questions ------------------------------------------------------------------------------------------------


def _questions(form: QuestionsForm) -> Response:
    form.offer()
    draw = invalid if form.errors else page
    return draw("welfare/entitlements/questions.html", form=form, groups=None)


@bp.post("/welfare/for-me")
@public
@changes_nothing("what somebody says of themselves is answered and forgotten; it must stand in no address")
def answer() -> Response:
    """What is there for somebody who says this of themselves; nothing is kept."""
    form = QuestionsForm()
    form.offer()
    facts = form.facts(clock.today()) if form.validate() else None
    if facts is None:
        return _questions(form)
    found = queries.list_for(facts=facts, at=clock.now())
    response = page("welfare/entitlements/questions.html", form=form, groups=_grouped(found), found=found)
    response.headers["Cache-Control"] = "no-store"
    return response


# --- beside one programme ------------------------------------------------------------------------------------------


def may_i(programme: Programme) -> tuple[str, dict[str, Any]] | None:
    """For a programme's public page: whether whoever is signed in may have it, and why not; otherwise the way to ask.

    Nothing for somebody who has booked it and may not book it twice: their booking stands there.
    """
    worker_id = _worker_id()
    mine = queries.find_for(programme=programme, worker_id=worker_id, at=clock.now()) if worker_id else None
    first = mine is not None and mine.group not in (Group.NOW, Group.ASK)  # whoever cannot have it reads that before the times
    if first and Way.BOOK.value in programme.ways and list_held(programme.id, worker_id):
        return None
    return "welfare/entitlements/may_i.html", {"mine": mine, "first": first}
