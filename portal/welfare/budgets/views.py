"""HTTP of budgets: the list, a budget with its lines, a line's ledger, bills; drafting and deciding versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.queries import find_union, suggest_unions
from portal.types import N_, Problem, Refused, text
from portal.unions.tree.queries import get_union, reaches
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.budgets import commands, exports, forms, queries, rules
from portal.welfare.budgets.models import VersionKind
from portal.welfare.ledger import commands as ledger_commands
from portal.welfare.ledger import queries as ledger
from portal.welfare.ledger.models import Budget, BudgetStatus
from portal.welfare.sources import queries as sources
from portal.welfare.sources import rules as source_rules

bp = Blueprint("budgets", __name__)

VIEW, EDIT, APPROVE = Permission.VIEW_BUDGETS, Permission.EDIT_BUDGETS, Permission.APPROVE_BUDGETS
MOVE = {"pay": ledger_commands.pay, "refund": ledger_commands.refund, "reverse": ledger_commands.reverse}


def _bill(ident: str) -> tuple[str, str] | None:
    title = queries.find_title(UUID(ident))
    return (url_for("budgets.expenditure", ident=ident), title) if title else None


def _closing(ident: str) -> tuple[str, str] | None:
    budget, union = queries.find_place(UUID(ident))
    return url_for("budgets.show", union=union.code, year=budget.year), _("Close the year")


CAUSES = {"expenditures": _bill, "budgets": _closing}


# --- the list ------------------------------------------------------------------------------------------------------


@bp.get("/budgets")
@requires(VIEW)
def index() -> Response:
    """Budgets within one's part of the tree, the latest year first."""
    filters = forms.read_filters(request.args)
    found = queries.list_budgets(access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/budgets/index.html", fragments=("budgets",), rows=found, filters=filters, pager=pager(found),
                statuses=BudgetStatus.choices(), uses_htmx=True)  # fmt: skip


@bp.get("/budgets/export")
@requires(VIEW)
def export() -> Response:
    """The budgets that match, as a workbook."""
    rows = exports.budget_rows(queries.stream_budgets(access.actor(), **forms.read_filters(request.args)))
    return send_workbook(f"{_('Budgets')} {clock.today():%Y-%m-%d}", exports.BUDGETS, rows)


@bp.get("/budgets/new")
@requires(EDIT)
def new() -> Response:
    """The form to begin a budget."""
    first = suggest_unions(access.actor(), EDIT, limit=1)
    known = {"union_code": first[0].code if first else None, "year": clock.today().year + 1}
    return _new_page(forms.OpenBudgetForm(data=known))


def _new_page(form: forms.OpenBudgetForm) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/budgets/new.html", form=form, unions=suggest_unions(access.actor(), EDIT))


@bp.post("/budgets/new")
@requires(EDIT)
@writes
def add() -> Response:
    """Begin a budget."""
    form = forms.OpenBudgetForm()
    union = find_union(form.union_code.data, access.actor(), EDIT)
    unknown = [] if union else [Problem("union", text(N_("This is no union in your part of the tree.")), field="union_code")]
    if form.validate() and form.take(unknown):
        try:
            budget = commands.open_budget(union=union, year=form.year.data, kind=VersionKind(form.kind.data), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            here = url_for("versions.show", union=union.code, year=budget.year, number=1)
            return done(here, text(N_("Begun. Now add what the money is for.")))
    return _new_page(form)


# --- one budget ----------------------------------------------------------------------------------------------------


@bp.get("/budgets/<string:union>/<int:year>")
@requires(VIEW)
def show(union: str, year: int) -> Response:
    """A budget: cash, authority, reserved, spent; each line with its sources; what should not be missed."""
    return _show(queries.get_budget(union, year, access.actor()))


def _show(budget: Budget, version_form: Any = None, status_form: Any = None) -> Response:
    rows = queries.list_rows(budget)
    given = sources.list_sources_of(budget.union_id, budget.year)
    promised = sources.promised_of([one.id for one in given])
    here = {"union": queries.union_of(budget).code, "year": budget.year}
    attention = [(one, url_for("budgets.line", code=row.line.code, **here)) for row in rows for one in rules.attention(
        row.line.name, authority=row.totals.authority, promised=row.totals.reserved + row.totals.spent)]  # fmt: skip
    for source in given:
        found = source_rules.attention(source, promised=promised.get(source.id, 0), today=clock.today())
        attention += [(one, url_for("sources.show", ident=source.id)) for one in found]
    version_form, status_form = version_form or forms.VersionForm(formdata=None), status_form or forms.StatusForm(formdata=None)
    draw = invalid if version_form.errors or status_form.errors else page
    return draw("welfare/budgets/show.html", budget=budget, union=queries.union_of(budget), rows=rows, sources=given,
                totals=_sum(rows), promises=queries.count_promises(budget), versions=queries.list_versions(budget),
                open_version=queries.find_open_version(budget), attention=attention, version_form=version_form,
                status_form=status_form)  # fmt: skip


def _sum(rows: list[queries.Row]) -> ledger.Totals:
    names = ("authority", "reserved", "spent", "paid")
    return ledger.Totals(*(sum((getattr(row.totals, name) for row in rows), ledger.Totals().authority) for name in names))


@bp.get("/budgets/<string:union>/<int:year>/export")
@requires(VIEW)
def export_lines(union: str, year: int) -> Response:
    """A budget's lines and their sources as a workbook."""
    budget = queries.get_budget(union, year, access.actor())
    name = _("Budget %(year)s", year=year)
    return send_workbook(f"{name} {queries.union_of(budget).name}", exports.LINES, exports.line_rows(queries.list_rows(budget)))


@bp.post("/budgets/<string:union>/<int:year>/status")
@requires(APPROVE)
@writes
def set_status(union: str, year: int) -> Response:
    """Freeze, thaw or close."""
    budget = queries.get_budget(union, year, access.actor(), APPROVE)
    form = forms.StatusForm()
    if form.validate():
        try:
            commands.set_status(budget=budget, status=BudgetStatus(form.status.data), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(
                url_for("budgets.show", union=union, year=year), text(N_("The budget is now: %(status)s"), status=budget.status)
            )
    return _show(budget, status_form=form)


# --- who decides from which sum ------------------------------------------------------------------------------------


@bp.get("/budgets/<string:union>/limits")
@requires(VIEW)
def limits(union: str) -> Response:
    """From which sums a meeting decides and the audit committee reviews, and what it was before."""
    return _limits(get_union(union, access.actor(), VIEW))


def _limits(union: Any, form: Any = None) -> Response:
    now = queries.limits_of(union.id)
    known = {"minute_from": now.minute_from, "review_from": now.review_from}
    form = form or forms.LimitsForm(formdata=None, data=known)
    draw = invalid if form.errors else page
    return draw("welfare/budgets/limits.html", union=union, now=now, rows=queries.list_limits(union.id), form=form,
                may_set=reaches(access.actor(), APPROVE, union.id))  # fmt: skip


@bp.post("/budgets/<string:union>/limits")
@requires(APPROVE)
@writes
def set_limits(union: str) -> Response:
    """Set them anew, for what is handed in from now on."""
    found, form = get_union(union, access.actor(), APPROVE), forms.LimitsForm()
    if form.validate():
        try:
            commands.set_limits(union=found, **form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("budgets.limits", union=union), text(N_("Set. They count for what is handed in from now on.")))
    return _limits(found, form)


# --- a line and its bills ------------------------------------------------------------------------------------------


@bp.get("/budgets/<string:union>/<int:year>/lines/<string:code>")
@requires(VIEW)
def line(union: str, year: int, code: str) -> Response:
    """A line: its sources, and every entry of its ledger with what it was for."""
    budget = queries.get_budget(union, year, access.actor())
    return _line(budget, queries.get_line(budget, code))


def _line(budget: Budget, line: Any, form: Any = None) -> Response:
    row = next(one for one in queries.list_rows(budget) if one.line.id == line.id)
    entries = ledger.list_entries(line_id=line.id, before=request.args.get("before"), after=request.args.get("after"))
    form = form or forms.ExpenditureForm(formdata=None, data={"falls_on": clock.today()})
    draw = invalid if form.errors else page
    return draw("welfare/budgets/line.html", fragments=("entries",), budget=budget, union=queries.union_of(budget), row=row,
                line=line, entries=entries, pager=pager(entries) if request.method == "GET" else {}, form=form,
                cause_of=ledger.cause_of, uses_htmx=True)  # fmt: skip


@bp.get("/budgets/<string:union>/<int:year>/lines/<string:code>/export")
@requires(VIEW)
def export_entries(union: str, year: int, code: str) -> Response:
    """A line's ledger as a workbook."""
    budget = queries.get_budget(union, year, access.actor())
    line = queries.get_line(budget, code)
    return send_workbook(f"{year} {line.name}", exports.ENTRIES, exports.entry_rows(ledger.stream_entries(line.id)))


@bp.post("/budgets/<string:union>/<int:year>/lines/<string:code>/expenditures")
@requires(EDIT)
@writes
def spend(union: str, year: int, code: str) -> Response:
    """Enter a bill or purchase: spent at once, refused with what is left."""
    budget = queries.get_budget(union, year, access.actor(), EDIT)
    line = queries.get_line(budget, code)
    form = forms.ExpenditureForm()
    if form.valid():
        values = {name: form[name].data for name in ("title", "amount", "falls_on", "payee", "voucher_number")}
        try:
            bill = commands.record_expenditure(line=line, **values, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("budgets.expenditure", ident=bill.id), text(N_("Entered and spent: %(title)s"), title=bill.title))
    return _line(budget, line, form)


@bp.get("/expenditures/<uuid:ident>")
@requires(VIEW)
def expenditure(ident: UUID) -> Response:
    """A bill: what it took from which source, and what is paid of it."""
    return _expenditure(queries.get_expenditure(ident, access.actor()))


def _expenditure(bill: Any, form: Any = None) -> Response:
    held = ledger.list_commitments("expenditures", str(bill.id))
    line, budget, union = queries.place_of(held[0].line_id)  # the year it falls in may be another than it was entered for
    form = form or forms.PayForm(formdata=None, data={"amount": sum(one.spent - one.paid for one in held) or None})
    names = {one.id: one.name for one in sources.list_sources_of(budget.union_id, budget.year)}
    draw = invalid if form.errors else page
    return draw("welfare/budgets/expenditure.html", bill=bill, line=line, budget=budget, union=union, held=held, names=names,
                form=form)  # fmt: skip


@bp.post("/expenditures/<uuid:ident>/moves")
@requires(EDIT)
@writes
def move(ident: UUID) -> Response:
    """Pay a bill, note a refund, or reverse what is not paid."""
    bill = queries.get_expenditure(ident, access.actor(), EDIT)
    form = forms.PayForm()
    if form.validate():
        more = {} if form.way.data == "reverse" else {"voucher_number": form.voucher_number.data}
        try:
            moved = MOVE[form.way.data](cause=rules.cause_of(bill), amount=form.amount.data, by=access.by(), **more)
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("budgets.expenditure", ident=ident), text(N_("Noted: %(amount)s."), amount=moved))
    return _expenditure(bill, form)
