"""Changes to programmes: draft, places, hand in, decide, open to settle. Whoever proposes never decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.tree.models import Union
from portal.welfare.eligibility import commands as eligibility
from portal.welfare.eligibility.models import RuleValues
from portal.welfare.eligibility.queries import find_proposal, find_rule
from portal.welfare.items.queries import list_usable
from portal.welfare.items.rules import new_code
from portal.welfare.programmes import queries, rules
from portal.welfare.programmes.models import Programme, ProgrammePlace, ProgrammeStatus
from portal.welfare.programmes.rules import ProgrammeValues

S = ProgrammeStatus
# Called when a programme, or a change of its money and quota, is approved: quotas set their root here.
on_approved: list[Callable[[Programme, By], None]] = []
# What keeps a programme from a new status, asked of the rooms above: places still booked, money still reserved.
objections: list[Callable[[Programme, ProgrammeStatus], list[Problem]]] = []


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _account(by: By) -> UUID | None:
    return by.id if by.kind == "staff" else None


def _record(action: str, programme: Programme, by: By, **details: Any) -> None:
    audit.record(action, by=by, subject=programme, union_id=programme.union_id, name=programme.name, **details)


# --- a draft -------------------------------------------------------------------------------------------------------


def draft_programme(
    *, union: Union, values: ProgrammeValues, by: By, rule: RuleValues | None = None, code: str | None = None,
    is_demo: bool = False,
) -> Programme:  # fmt: skip
    """Begin a programme; who may have it is proposed along with it: anyone, unless ``rule`` says otherwise. Raises `Refused`."""
    _refuse(rules.problems_with_values(values) + _problems_around(union, values, None))
    programme = Programme(
        id=new_id(), code=code or new_code("P"), union_id=union.id, status=S.DRAFT, proposed_by_account_id=_account(by),
        created_at=clock.now(), is_demo=is_demo, **_columns(values),
    )  # fmt: skip
    db.session.add(programme)
    db.session.flush()
    _record("programme.drafted", programme, by, code=programme.code)
    if values.item_id:
        eligibility.propose_rule(programme_id=programme.id, values=rule or RuleValues(), by=by)
    return programme


def _columns(values: ProgrammeValues) -> dict[str, Any]:
    return asdict(values) | {"ways": list(values.ways)}


def _problems_around(union: Union, values: ProgrammeValues, programme: Programme | None) -> list[Problem]:
    """What the union's items, lines and headings forbid; what a programme already had may stay."""
    found = []
    had = programme or Programme()
    if values.item_id and values.item_id != had.item_id and values.item_id not in {one.id for one in list_usable(union)}:
        says = N_("This item is not in the union's catalogue or in one above it.")
        found.append(Problem("item", text(says), field="item"))
    if values.parent_id and values.parent_id != had.parent_id:
        if values.parent_id not in {one.id for one in queries.list_headings(union, had.id)}:
            says = N_("It can only stand beneath a heading of its own union or of one above.")
            found.append(Problem("parent", text(says), field="parent"))
        elif programme and programme.item_id is None and _is_beneath(values.parent_id, programme):
            found.append(Problem("circle", text(N_("A heading cannot stand beneath itself.")), field="parent"))
    if programme and values.item_id and programme.item_id is None and queries.count_children(programme):
        says = N_("Programmes stand beneath this heading; it cannot give something itself.")
        found.append(Problem("has_children", text(says), field="item"))
    years = range(values.starts_on.year, values.ends_on.year + 1)
    if values.budget_line_id and values.budget_line_id not in {one.line.id for one in queries.list_lines(union.id, years)}:
        says = N_("This line is not in the union's budgets of the years that the programme covers.")
        found.append(Problem("line", text(says), field="budget_line"))
    return found


def _is_beneath(ident: UUID, programme: Programme) -> bool:
    """Whether a heading stands beneath a programme."""
    other = queries.find_programme(ident)
    return other is not None and programme.id in {one.id for one in queries.way_down(other)}


def revise_programme(*, programme: Programme, values: ProgrammeValues, by: By) -> bool:
    """Say anew what a programme is; answers whether a part of it now waits for an approver. Raises `Refused`.

    A draft takes everything. What was approved takes words and booking rules at once; period, quota and money are proposed
    and wait, while what was approved goes on.
    """
    programme = queries.lock(programme)
    _refuse(rules.problems_with_editing(programme))
    _refuse(rules.problems_with_values(values) + _problems_around(queries.union_of(programme), values, programme))
    columns = _columns(values)
    if programme.status is S.DRAFT:
        was_heading = programme.item_id is None
        _put(programme, columns, by)
        if was_heading and values.item_id and not find_rule(programme.id) and not find_proposal(programme.id):
            eligibility.propose_rule(programme_id=programme.id, values=RuleValues(), by=by)
        return False
    if values.item_id != programme.item_id:
        says = N_("What it gives was approved and stays; begin another programme for another item.")
        raise Refused([Problem("item_fixed", text(says), field="item")])
    waits = rules.money_changes(programme, values)
    _put(programme, {name: value for name, value in columns.items() if name not in rules.MONEY_FIELDS}, by)
    _propose_change(programme, waits, by)
    return bool(waits)


def _put(programme: Programme, columns: dict[str, Any], by: By) -> None:
    changed = [name for name, value in columns.items() if getattr(programme, name) != value]
    for name in changed:
        setattr(programme, name, columns[name])
    db.session.flush()
    if changed:
        _record("programme.changed", programme, by, fields=" ".join(changed))


def _propose_change(programme: Programme, changes: dict[str, Any], by: By) -> None:
    """Let changes of period, quota and money wait for an approver; the same as before: nothing waits any more."""
    waiting = rules.plain(changes) or None
    if programme.pending == waiting:
        return
    programme.pending = waiting
    programme.pending_at = clock.now() if waiting else None
    programme.pending_by_account_id = _account(by) if waiting else None
    db.session.flush()
    _record("programme.change_proposed" if waiting else "programme.change_dropped", programme, by, **(waiting or {}))


# --- places --------------------------------------------------------------------------------------------------------


def add_place(
    *, programme: Programme, by: By, station: Station | None = None, provider_name: str | None = None, address: str | None = None
) -> ProgrammePlace:
    """Give it at one more place: a station of its part of the tree, or a provider with an address. Raises `Refused`."""
    programme = queries.lock(programme)
    _refuse(rules.problems_with_editing(programme))
    if programme.item_id is None:
        raise Refused([Problem("heading", text(N_("A heading is given nowhere; its programmes are.")))])
    if station is not None and queries.find_station_beneath(programme, station.code) is None:
        raise Refused([Problem("station", text(N_("This station is not in the programme's part of the tree.")), field="code")])
    known = queries.places_of(programme)
    if any(one.station and station and one.station.id == station.id for one in known):
        raise Refused([Problem("there", text(N_("It is given there already.")), field="code")])
    if any(one.place.provider_name and one.place.provider_name == provider_name for one in known):
        raise Refused([Problem("there", text(N_("It is given there already.")), field="provider_name")])
    place = ProgrammePlace(
        id=new_id(), programme_id=programme.id, station_id=station.id if station else None,
        provider_name=None if station else provider_name, address=None if station else address,
    )  # fmt: skip
    db.session.add(place)
    db.session.flush()
    _record("programme.place_added", programme, by, place=station.name if station else provider_name)
    return place


def remove_place(*, programme: Programme, place: ProgrammePlace, by: By) -> None:
    """Give it at a place no more; what is booked there stays and is looked after in its session. Raises `Refused`."""
    programme = queries.lock(programme)
    _refuse(rules.problems_with_editing(programme))
    if programme.status is not S.DRAFT and not programme.everywhere and queries.count_places(programme) == 1:
        says = N_("This is its last place. Add another one first.")
        raise Refused([Problem("last_place", text(says))])
    name = next(one.name for one in queries.places_of(programme) if one.place.id == place.id)
    db.session.delete(place)
    db.session.flush()
    _record("programme.place_removed", programme, by, place=name)


# --- from draft to decision ----------------------------------------------------------------------------------------


def submit_programme(*, programme: Programme, by: By) -> None:
    """Hand a draft in; from now on it stays as it is until somebody else decides. Raises `Refused`."""
    programme = queries.lock(programme)
    rule_known = bool(find_rule(programme.id) or find_proposal(programme.id))
    _refuse(
        rules.problems_with_submitting(
            programme, today=clock.today(), places=queries.count_places(programme), rule_known=rule_known
        )
    )
    programme.decided_by_account_id = programme.decided_at = None
    programme.proposed_by_account_id, programme.submitted_at = _account(by), clock.now()
    programme.status = S.SUBMITTED
    db.session.flush()
    _record("programme.submitted", programme, by)


def take_back(*, programme: Programme, by: By) -> None:
    """Take back what was handed in and not decided: the draft, or a change of what was approved. Raises `Refused`."""
    programme = queries.lock(programme)
    if programme.pending is not None:
        _propose_change(programme, {}, by)
        return
    if programme.status is not S.SUBMITTED:
        raise Refused([Problem("not_submitted", text(N_("This programme does not wait for a decision.")))])
    programme.status = S.DRAFT
    db.session.flush()
    _record("programme.taken_back", programme, by)


def decide_programme(*, programme: Programme, approve: bool, opinion: str | None = None, by: By) -> None:
    """Approve what waits, with the rule proposed along with it, or return it with what has to change. Raises `Refused`."""
    programme = queries.lock(programme)
    _refuse(rules.problems_with_deciding(programme, _account(by)))
    if not approve and not opinion:
        raise Refused([Problem("no_opinion", text(N_("Say what has to change.")), field="opinion")])
    if programme.pending is not None:
        _decide_change(programme, approve=approve, opinion=opinion, by=by)
        return
    programme.decided_by_account_id, programme.decided_at, programme.opinion = _account(by), clock.now(), opinion
    programme.status = S.APPROVED if approve else S.DRAFT
    db.session.flush()
    if not approve:
        _record("programme.returned", programme, by, opinion=opinion)
        return
    if proposal := find_proposal(programme.id):
        eligibility.approve_rule(rule=proposal, by=by)
    _record("programme.approved", programme, by, opinion=opinion)
    for tell in on_approved:
        tell(programme, by)


def _decide_change(programme: Programme, *, approve: bool, opinion: str | None, by: By) -> None:
    """Put a change of period, quota and money into force, or drop it."""
    changes = rules.read_pending(programme.pending)
    proposer = programme.pending_by_account_id
    programme.pending = programme.pending_at = programme.pending_by_account_id = None
    programme.opinion = opinion
    if not approve:
        db.session.flush()
        _record("programme.change_returned", programme, by, opinion=opinion)
        return
    before = {name: getattr(programme, name) for name in changes}
    programme.proposed_by_account_id, programme.decided_by_account_id = proposer, _account(by)
    programme.decided_at = clock.now()
    for name, value in changes.items():
        setattr(programme, name, value)
    db.session.flush()
    said = {name: [str(before[name] or ""), str(value or "")] for name, value in changes.items()}
    _record("programme.change_approved", programme, by, **said)
    for tell in on_approved:
        tell(programme, by)


# --- open to settled -----------------------------------------------------------------------------------------------


def set_status(*, programme: Programme, status: ProgrammeStatus, by: By) -> None:
    """Open, pause, close or settle, by the one table of moves. Handing in and deciding have commands of their own."""
    programme = queries.lock(programme)
    problems = rules.problems_with_status(programme, status)
    if not problems and status in (S.SUBMITTED, S.APPROVED, S.DRAFT):
        problems = [Problem("own_command", text(N_("This step is a decision of its own.")))]
    if not problems and status is S.OPEN and programme.item_id is not None:
        approved = find_rule(programme.id) is not None
        problems = rules.problems_with_opening(programme, today=clock.today(), rule_approved=approved)
    _refuse(problems or [problem for ask in objections for problem in ask(programme, status)])
    before, programme.status = programme.status, status
    if status in (S.CLOSED, S.SETTLED):
        programme.closed_at = programme.closed_at or clock.now()
        programme.pending = programme.pending_at = programme.pending_by_account_id = None
    db.session.flush()
    _record("programme.status_set", programme, by, status=[before.value, status.value])
