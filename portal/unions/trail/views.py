"""HTTP of the audit trail: read, filter, export. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.i18n import say
from portal.tables import Column
from portal.types import N_, text
from portal.unions.trail import queries, rules
from portal.web import page, pager, send_workbook

bp = Blueprint("trail", __name__)

COLUMNS = (
    Column(text(N_("Time")), 18),
    Column(text(N_("By whom")), 20),
    Column(text(N_("What")), 24),
    Column(text(N_("To what")), 34),
    Column(text(N_("Union")), 30),
    Column(text(N_("Details")), 60),
)


def _filters() -> dict[str, Any]:
    action = request.args.get("action", "")
    try:
        day = date.fromisoformat(request.args.get("day", ""))
        clock.day_bounds(day)
    except (ValueError, OverflowError):
        day = None
    return {"actions": [action] if action in rules.ACTIONS else None, "day": day}


def actor_in_words(line: queries.Line) -> str:
    """Who did it: staff by name, everybody else by what they are."""
    return line.who or _(rules.ACTORS.get(line.entry.actor_kind, line.entry.actor_kind))


def action_in_words(line: queries.Line) -> str:
    """What was done."""
    return _(rules.ACTIONS.get(line.entry.action, line.entry.action))


def subject_in_words(line: queries.Line) -> str:
    """To what it was done: by name where it has one, otherwise by the end of its id."""
    entry = line.entry
    return f"{_(rules.SUBJECTS.get(entry.subject_table, entry.subject_table))} {line.subject or entry.subject_id[-6:]}"


def details_in_words(line: queries.Line) -> list[str]:
    """The details, one sentence each: “Name: 甲 → 乙”."""
    return [
        _("%(name)s: %(value)s", name=_(rules.DETAILS.get(name, name)), value=" → ".join(map(say, values)))
        for name, values in rules.readable(line.entry.details)
    ]


@bp.get("/audit")
@requires(Permission.VIEW_AUDIT)
def index() -> Response:
    """Entries within scope, newest first, and the state of the chain."""
    filters = _filters()
    found = queries.list_entries(access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after"))
    rows = [(line, actor_in_words(line), action_in_words(line), subject_in_words(line), details_in_words(line)) for line in found]
    return page(
        "unions/trail/index.html", fragments=("entries",), rows=rows, pager=pager(found), chain=queries.get_chain(),
        action=(filters["actions"] or [""])[0], day=filters["day"],
        actions=sorted(((name, _(label)) for name, label in rules.ACTIONS.items()), key=lambda pair: pair[1]),
    )  # fmt: skip


@bp.get("/audit/export")
@requires(Permission.VIEW_AUDIT)
def export() -> Response:
    """Every entry that matches, as a workbook."""

    def rows() -> Iterator[tuple[Any, ...]]:
        for line in queries.rows_for_export(access.actor(), **_filters()):
            yield (
                line.entry.at, actor_in_words(line), action_in_words(line), subject_in_words(line), line.union,
                "; ".join(details_in_words(line)),
            )  # fmt: skip

    return send_workbook(f"{_('Audit')} {clock.today():%Y-%m-%d}", COLUMNS, rows())
