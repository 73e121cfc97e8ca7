"""Builders of programmes through their commands, as people make them."""

from __future__ import annotations

from datetime import date, timedelta

from portal import clock
from portal.access import By
from portal.db import db
from portal.unions.tree.models import Union
from portal.welfare.programmes import commands
from portal.welfare.programmes.models import Programme, ProgrammeStatus, Way
from portal.welfare.programmes.rules import ProgrammeValues
from tests.factories.money import staff

S = ProgrammeStatus
STEPS = {S.DRAFT: (), S.SUBMITTED: (), S.APPROVED: (), S.OPEN: (S.OPEN,), S.PAUSED: (S.OPEN, S.PAUSED),
         S.CLOSED: (S.OPEN, S.CLOSED), S.SETTLED: (S.OPEN, S.CLOSED, S.SETTLED)}  # fmt: skip


def programme_values(item=None, name: str = "免费体检", **values) -> ProgrammeValues:
    """A programme for anyone, everywhere, walk in and book, from ten days ago to thirty days ahead."""
    today = clock.today()
    known = {
        "name": name, "summary": "为户外劳动者免费体检。", "starts_on": today - timedelta(days=10),
        "ends_on": today + timedelta(days=30), "item_id": item.id if item else None, "everywhere": item is not None,
        "ways": (Way.WALK_IN.value, Way.BOOK.value) if item else (),
    }  # fmt: skip
    return ProgrammeValues(**known | values)


def drafted(union: Union, item=None, *, proposer: By | None = None, name: str = "免费体检", rule=None, **values) -> Programme:
    """A draft by somebody."""
    made = commands.draft_programme(
        union=union, values=programme_values(item, name, **values), by=proposer or staff(), rule=rule
    )  # fmt: skip
    db.session.commit()
    return made


def brought_to(status: ProgrammeStatus, union: Union, item=None, **values) -> Programme:
    """A programme on its way through the commands, proposed by one and decided by another."""
    programme = drafted(union, item, **values)
    if status is not S.DRAFT:
        commands.submit_programme(programme=programme, by=staff())
    if status not in (S.DRAFT, S.SUBMITTED):
        commands.decide_programme(programme=programme, approve=True, by=staff())
    for step in STEPS[status]:
        commands.set_status(programme=programme, status=step, by=staff())
    db.session.commit()
    return programme


def day(year: int, month: int, of_month: int) -> date:
    """A date, short."""
    return date(year, month, of_month)
