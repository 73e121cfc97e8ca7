"""HTTP of programmes: the staff's list, tree and pages, and what everyone sees under /welfare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal import access, clock
from portal.access import Permission, public, requires
from portal.stations.finding.queries import list_counties_with_stations
from portal.stations.register.queries import suggest_unions
from portal.types import N_, Problem, Refused, text, tidy
from portal.unions.trail.rules import ACTIONS
from portal.unions.tree.models import Union
from portal.unions.tree.queries import reaches
from portal.vocabulary import BasicService
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.eligibility.queries import find_proposal, find_rule, union_names
from portal.welfare.eligibility.rules import says_rule
from portal.welfare.items.models import WelfareCategory
from portal.welfare.items.queries import get_items, list_usable
from portal.welfare.items.views import chosen_union
from portal.welfare.programmes import commands, exports, forms, queries, rules
from portal.welfare.programmes.models import NEXT_STATUSES, Programme, ProgrammeStatus, Way

bp = Blueprint("programmes", __name__)

VIEW, PLAN, APPROVE = Permission.VIEW_PROGRAMMES, Permission.PLAN_PROGRAMMES, Permission.APPROVE_PROGRAMMES

# What other rooms show on a programme's pages: for staff {"title", "url", "text"}, for everyone (template, context); or None.
sections: list[Callable[[Programme], dict[str, Any] | None]] = []
public_parts: list[Callable[[Programme], tuple[str, dict[str, Any]] | None]] = []
WAYS = {way.value: way for way in Way}


def _here(programme: Programme) -> str:
    return url_for("programmes.show", programme=programme.code)


# --- the list and the tree -----------------------------------------------------------------------------------------


@bp.get("/programmes")
@requires(VIEW)
def index() -> Response:
    """Programmes within one's part of the tree, the newest first."""
    filters, actor = forms.read_filters(request.args), access.actor()
    found = queries.list_programmes(actor, filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/programmes/index.html", fragments=("programmes",), rows=found, filters=filters, pager=pager(found),
                categories=WelfareCategory.choices(), statuses=ProgrammeStatus.choices(), query=forms.as_query(filters),
                departments=queries.list_departments(actor), waiting=queries.awaiting(actor), uses_htmx=True)  # fmt: skip


@bp.get("/programmes/export")
@requires(VIEW)
def export() -> Response:
    """The programmes that match, as a workbook."""
    rows = exports.rows(queries.stream_programmes(access.actor(), forms.read_filters(request.args)))
    return send_workbook(f"{_('Programmes')} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/programmes/tree")
@requires(VIEW)
def tree() -> Response:
    """Headings and what stands beneath them, as 1–5–20 is built."""
    actor, department = access.actor(), tidy(request.args.get("department"))
    return page("welfare/programmes/tree.html", nodes=queries.list_tree(actor, department), department=department,
                departments=queries.list_departments(actor))  # fmt: skip


# --- a new one, and its form ---------------------------------------------------------------------------------------


@bp.get("/programmes/new")
@requires(PLAN)
def new() -> Response:
    """The form to begin a programme, for one union."""
    union = chosen_union()
    item = next((one for one in list_usable(union) if one.code == request.args.get("item")), None)
    parent = next((one for one in queries.list_headings(union) if one.code == request.args.get("parent")), None)
    return _form_page(forms.ProgrammeForm(data=forms.ProgrammeForm.begun(item, parent, clock.today())), union)


def _offered(form: forms.ProgrammeForm, union: Union, programme: Programme | None = None) -> forms.ProgrammeForm:
    """The form with what this union may choose."""
    today = clock.today()
    first = form.starts_on.data or today
    last = form.ends_on.data or first
    years = range(min(first.year, today.year), min(max(last.year, today.year), today.year + 5) + 1)
    names = queries.names_of([programme.parent_id]) if programme else {}
    if programme and programme.item_id:
        names |= {key: one.name for key, one in get_items([programme.item_id]).items()}
    headings = queries.list_headings(union, programme.id if programme else None)
    return form.offer(list_usable(union), headings, queries.list_lines(union.id, years), names)


def _form_page(form: forms.ProgrammeForm, union: Union, programme: Programme | None = None) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/programmes/form.html", form=_offered(form, union, programme), union=union, programme=programme,
                unions=[] if programme else suggest_unions(access.actor(), PLAN))  # fmt: skip


@bp.post("/programmes/new")
@requires(PLAN)
@writes
def add() -> Response:
    """Begin a programme."""
    union = chosen_union()
    form = _offered(forms.ProgrammeForm(), union)
    if form.validate():
        try:
            programme = commands.draft_programme(union=union, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            chosen = programme.item_id and not programme.everywhere
            where = url_for("programmes.places", programme=programme.code) if chosen else _here(programme)
            return done(where, text(N_("Drafted: %(name)s. It is handed in on its page."), name=programme.name))
    return _form_page(form, union)


@bp.get("/programmes/<string:programme>/edit")
@requires(PLAN)
def edit(programme: str) -> Response:
    """The form of a programme."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    if problems := rules.problems_with_editing(found):
        return done(_here(found), problems[0].says, "error")
    return _form_page(forms.ProgrammeForm(data=_known(found)), queries.union_of(found), found)


def _known(programme: Programme) -> dict[str, Any]:
    return forms.ProgrammeForm.known(programme, rules.read_pending(programme.pending or {}))


@bp.post("/programmes/<string:programme>/edit")
@requires(PLAN)
@writes
def change(programme: str) -> Response:
    """Say anew what a programme is; what decides over money waits for an approver once it was approved."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    union = queries.union_of(found)
    form = _offered(forms.ProgrammeForm(data=_known(found)), union, found)
    if form.validate():
        try:
            waits = commands.revise_programme(programme=found, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            waiting = N_("Saved. Period, quota and money wait for an approver; until then what was approved holds.")
            return done(_here(found), text(waiting if waits else N_("Saved.")))
    return _form_page(form, union, found)


# --- one programme -------------------------------------------------------------------------------------------------


@bp.get("/programmes/<string:programme>")
@requires(VIEW)
def show(programme: str) -> Response:
    """A programme for staff: facts, what is next, what other rooms know of it, history."""
    return _show(queries.get_programme(programme, access.actor()))


def _show(programme: Programme, form: Any = None) -> Response:
    actor, line = access.actor(), queries.find_line(programme.budget_line_id)
    rule, proposal = find_rule(programme.id), find_proposal(programme.id)
    return (invalid if form and form.errors else page)(
        "welfare/programmes/show.html", programme=programme, item=queries.item_of(programme), union=queries.union_of(programme),
        way=queries.way_down(programme), children=queries.list_children(programme, actor), places=queries.places_of(programme),
        line=line, left=line.left if line else None, rule=says_rule(rule, union_names(rule)) if rule else None,
        proposal=says_rule(proposal, union_names(proposal)) if proposal else None, booking=rules.says_booking(programme),
        pending=rules.read_pending(programme.pending or {}), history=queries.list_history(programme), actions=ACTIONS,
        parts=[part for look in sections if (part := look(programme))], steps=_steps(programme),
        problems=_problems(programme, line, rule_known=bool(rule or proposal)), form=form or forms.DecideForm(formdata=None),
        may_plan=reaches(actor, PLAN, programme.union_id), may_decide=_may_decide(programme),
        editable=not rules.problems_with_editing(programme), people=queries.people_of(programme), ways=WAYS,
        statuses={one.value: one for one in ProgrammeStatus},
        rule_url=url_for("eligibility.show", programme=programme.code),
    )  # fmt: skip


def _steps(programme: Programme) -> list[ProgrammeStatus]:
    """The steps that are taken without another person's decision."""
    decided = (ProgrammeStatus.SUBMITTED, ProgrammeStatus.APPROVED, ProgrammeStatus.DRAFT)
    return [one for one in NEXT_STATUSES[programme.status] if one not in decided]


def _problems(programme: Programme, line: rules.LineChoice | None, *, rule_known: bool) -> list[Problem]:
    """What stands in the way of the next step, and what is worth a look."""
    found = rules.problems_with_money(programme, line.left if line else None)
    if programme.status is ProgrammeStatus.DRAFT:
        count = queries.count_places(programme)
        found += rules.problems_with_submitting(programme, today=clock.today(), places=count, rule_known=rule_known)
    return found


def _may_decide(programme: Programme) -> bool:
    who = access.actor()
    return reaches(who, APPROVE, programme.union_id) and not rules.problems_with_deciding(programme, who.id)


@bp.post("/programmes/<string:programme>/submit")
@requires(PLAN)
@writes
def submit(programme: str) -> Response:
    """Hand a draft in."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    try:
        commands.submit_programme(programme=found, by=access.by())
    except Refused as refused:
        return done(_here(found), refused.problems[0].says, "error")
    return done(_here(found), text(N_("Handed in. Another person decides.")))


@bp.post("/programmes/<string:programme>/take-back")
@requires(PLAN)
@writes
def take_back(programme: str) -> Response:
    """Take back what was handed in and is not decided."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    try:
        commands.take_back(programme=found, by=access.by())
    except Refused as refused:
        return done(_here(found), refused.problems[0].says, "error")
    return done(_here(found), text(N_("Taken back.")))


@bp.post("/programmes/<string:programme>/decide")
@requires(APPROVE)
@writes
def decide(programme: str) -> Response:
    """Approve or return."""
    found = queries.get_programme(programme, access.actor(), APPROVE)
    form, approve = forms.DecideForm(), request.form.get("decision") == "approve"
    if form.validate():
        try:
            commands.decide_programme(programme=found, approve=approve, opinion=form.opinion.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(_here(found), text(N_("Approved.") if approve else N_("Returned with what has to change.")))
    return _show(found, form)


@bp.post("/programmes/<string:programme>/status")
@requires(PLAN)
@writes
def set_status(programme: str) -> Response:
    """Open, pause, close or settle."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    form = forms.StatusForm()
    if not form.validate():
        return done(_here(found), text(N_("Choose what it becomes.")), "error")
    try:
        commands.set_status(programme=found, status=ProgrammeStatus(form.status.data), by=access.by())
    except Refused as refused:
        return done(_here(found), refused.problems[0].says, "error")
    return done(_here(found), text(N_("The programme is now: %(status)s"), status=found.status))


# --- where it is given ---------------------------------------------------------------------------------------------


@bp.get("/programmes/<string:programme>/places")
@requires(PLAN)
def places(programme: str) -> Response:
    """The stations and providers where it is given."""
    return _places(queries.get_programme(programme, access.actor(), PLAN))


def _places(programme: Programme, form: Any = None) -> Response:
    q = tidy(request.args.get("q"))
    return (invalid if form and form.errors else page)(
        "welfare/programmes/places.html", fragments=("stations",), programme=programme, places=queries.places_of(programme), q=q,
        stations=queries.list_stations_to_add(programme, q), form=form or forms.ProviderForm(formdata=None),
        editable=not rules.problems_with_editing(programme), uses_htmx=True,
    )  # fmt: skip


@bp.post("/programmes/<string:programme>/places")
@requires(PLAN)
@writes
def add_station(programme: str) -> Response:
    """Give it at one more station."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    form = forms.StationPlaceForm()
    station = queries.find_station_beneath(found, form.code.data)
    here = url_for("programmes.places", programme=found.code)
    if station is None:
        return done(here, text(N_("This station is not in the programme's part of the tree.")), "error")
    try:
        commands.add_place(programme=found, station=station, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("Given at: %(name)s"), name=station.name))


@bp.post("/programmes/<string:programme>/providers")
@requires(PLAN)
@writes
def add_provider(programme: str) -> Response:
    """Give it at one more provider."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    form = forms.ProviderForm()
    if form.validate():
        try:
            name, address = form.provider_name.data, form.address.data
            commands.add_place(programme=found, provider_name=name, address=address, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("programmes.places", programme=found.code), text(N_("Given at: %(name)s"), name=name))
    return _places(found, form)


@bp.post("/programmes/<string:programme>/places/<uuid:place_id>/remove")
@requires(PLAN)
@writes
def remove_place(programme: str, place_id: UUID) -> Response:
    """Give it there no more."""
    found = queries.get_programme(programme, access.actor(), PLAN)
    place = queries.find_place(found, place_id) or abort(404)
    here = url_for("programmes.places", programme=found.code)
    try:
        commands.remove_place(programme=found, place=place, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("Given there no more.")))


# --- what everyone sees --------------------------------------------------------------------------------------------


@public
def welfare() -> Response:
    """What every station gives to everybody, then the programmes that are open to be had."""
    wanted, today = forms.read_public(request.args), clock.today()
    found = queries.list_public(today=today, **wanted, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/programmes/welfare.html", fragments=("offers",), rows=found, wanted=wanted, pager=pager(found),
                categories=queries.list_public_categories(today), counties=list_counties_with_stations(),
                services=list(BasicService)[:-1], says_whom=rules.says_whom, uses_htmx=True)  # fmt: skip


@bp.get("/welfare/<string:programme>")
@public
def offer(programme: str) -> Response:
    """One programme for everyone: what, for whom, when, where, how, what to bring."""
    found = queries.find_public(programme)
    one, rule = found.programme, found.rule
    shown = sorted((part for look in public_parts if (part := look(one))), key=lambda part: not part[1].get("first"))
    parts = [Markup(render_template(template, **known)) for template, known in shown]  # noqa: S704 - a template's
    return page("welfare/programmes/offer.html", one=found, programme=one, item=found.item, parts=parts,
                for_whom=says_rule(rule, union_names(rule)) if rule else [], places=queries.places_of(one),
                how=rules.says_ways(one.ways), booking=rules.says_booking(one, clock.now()), today=clock.today())  # fmt: skip
