"""HTTP of versions: draft lines, hand in, review, decide; an opening budget from a workbook."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access
from portal.access import Permission, requires
from portal.tables import MAX_BYTES, Unreadable
from portal.types import N_, Problem, Refused, Text, text
from portal.unions.tree.queries import reaches
from portal.web import done, invalid, page, send_workbook, writes
from portal.welfare.budgets import commands, forms, imports, queries, rules
from portal.welfare.budgets.models import BudgetVersion, VersionKind, VersionStatus
from portal.welfare.ledger.models import Budget, BudgetStatus
from portal.welfare.sources.queries import list_sources_of

bp = Blueprint("versions", __name__)

VIEW, EDIT, APPROVE, REVIEW = (
    Permission.VIEW_BUDGETS, Permission.EDIT_BUDGETS, Permission.APPROVE_BUDGETS, Permission.REVIEW_BUDGETS,
)  # fmt: skip
HERE = "/budgets/<string:union>/<int:year>/versions"


def _get(union: str, year: int, number: int, permission: Permission = VIEW) -> tuple[Budget, BudgetVersion]:
    budget = queries.get_budget(union, year, access.actor(), permission)
    return budget, queries.get_version(budget, number)


def _url(budget: Budget, version: BudgetVersion, view: str = "versions.show", **more: Any) -> str:
    return url_for(view, union=queries.union_of(budget).code, year=budget.year, number=version.number, **more)


def _version(ident: str) -> tuple[str, Any] | None:
    version = queries.find_version(UUID(ident))
    budget, union = queries.find_place(UUID(ident), of_version=True)
    return url_for("versions.show", union=union.code, year=budget.year, number=version.number), version.kind


CAUSES = {"budget_versions": _version}


@bp.post(HERE)
@requires(EDIT)
@writes
def add(union: str, year: int) -> Response:
    """Begin a version: an adjustment of a budget in force, otherwise the budget itself or an interim limit."""
    budget = queries.get_budget(union, year, access.actor(), EDIT)
    form = forms.VersionForm()
    drafting = budget.status is BudgetStatus.DRAFT
    kinds = (VersionKind.OPENING, VersionKind.INTERIM) if drafting else (VersionKind.ADJUSTMENT,)
    form.kind.choices = [(kind.value, kind) for kind in kinds]
    try:
        kind = VersionKind(form.kind.data) if form.validate() else abort(400)
        version = commands.open_version(budget=budget, kind=kind, reason=form.reason.data, by=access.by())
    except Refused as refused:
        return done(url_for("budgets.show", union=union, year=year), refused.problems[0].says, "error")
    return done(_url(budget, version))


@bp.get(HERE + "/<int:number>")
@requires(VIEW)
def show(union: str, year: int, number: int) -> Response:
    """A version: what it gives and takes, line by line, and where it stands."""
    return _show(*_get(union, year, number))


def _show(
    budget: Budget, version: BudgetVersion, decide: Any = None, review: Any = None, problems: list[Problem] = ()
) -> Response:
    rows = queries.list_rows(budget, version)
    if version.status in (VersionStatus.APPROVED, VersionStatus.REJECTED):
        rows = [row for row in rows if row.change]
    amounts = list(queries.amounts_of(version).values())
    decide, review = decide or forms.DecideForm(formdata=None), review or forms.ReviewForm(formdata=None)
    tier = version.tier or rules.tier_of(amounts, queries.limits_of(budget.union_id))
    draw = invalid if problems or decide.errors or review.errors else page
    return draw("welfare/versions/show.html", budget=budget, version=version, union=queries.union_of(budget), rows=rows,
                people=queries.people_of(version), decide=decide, review=review, problems=problems,
                size=rules.moved(amounts), tier=rules.tier_in_words(tier),
                may_edit=_may(budget, EDIT), may_approve=_may(budget, APPROVE), may_review=_may(budget, REVIEW))  # fmt: skip


def _may(budget: Budget, permission: Permission) -> bool:
    return access.actor().may(permission) and reaches(access.actor(), permission, budget.union_id)


# --- lines of a draft ----------------------------------------------------------------------------------------------


def _row(budget: Budget, version: BudgetVersion, code: str | None) -> queries.Row | None:
    if code is None:
        return None
    line = queries.get_line(budget, code)
    return next(row for row in queries.list_rows(budget, version) if row.line.id == line.id)


def _line_page(budget: Budget, version: BudgetVersion, form: Any, shares: forms.Shares, row: Any) -> Response:
    draw = invalid if form.errors else page
    given = list_sources_of(budget.union_id, budget.year)
    return draw("welfare/versions/line.html", budget=budget, version=version, union=queries.union_of(budget), form=form,
                shares=shares, row=row, sources=given)  # fmt: skip


@bp.get(HERE + "/<int:number>/lines/new")
@requires(EDIT)
def new_line(union: str, year: int, number: int) -> Response:
    """The form of a new line: what for, and what it shall have from each source."""
    return _form_of_line(union, year, number, None)


@bp.get(HERE + "/<int:number>/lines/<string:code>")
@requires(EDIT)
def edit_line(union: str, year: int, number: int, code: str) -> Response:
    """The form of a line that is there."""
    return _form_of_line(union, year, number, code)


def _form_of_line(union: str, year: int, number: int, code: str | None) -> Response:
    budget, version = _get(union, year, number, EDIT)
    row = _row(budget, version, code)
    form = forms.LineForm(data=forms.LineForm.known(row) if row else None)
    return _line_page(budget, version, form, forms.Shares.of(list_sources_of(budget.union_id, year), row), row)


@bp.post(HERE + "/<int:number>/lines/new")
@requires(EDIT)
@writes
def add_line(union: str, year: int, number: int) -> Response:
    """Add a line to the draft."""
    return _put_line(union, year, number, None)


@bp.post(HERE + "/<int:number>/lines/<string:code>")
@requires(EDIT)
@writes
def change_line(union: str, year: int, number: int, code: str) -> Response:
    """Say anew what a line shall have."""
    return _put_line(union, year, number, code)


def _put_line(union: str, year: int, number: int, code: str | None) -> Response:
    budget, version = _get(union, year, number, EDIT)
    row = _row(budget, version, code)
    form, shares = forms.LineForm(), forms.Shares(list_sources_of(budget.union_id, year), request.form)
    if form.validate() and form.take(shares.problems):
        try:
            line = commands.put_line(version=version, values=form.values(shares), by=access.by(), line=row.line if row else None)
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(_url(budget, version), text(N_("In the draft: %(name)s"), name=line.name))
    return _line_page(budget, version, form, shares, row)


@bp.post(HERE + "/<int:number>/lines/<string:code>/remove")
@requires(EDIT)
@writes
def remove_line(union: str, year: int, number: int, code: str) -> Response:
    """Take a line out of the draft."""
    budget, version = _get(union, year, number, EDIT)
    line = queries.get_line(budget, code)
    return _try(budget, version, lambda: commands.remove_line(version=version, line=line, by=access.by()),
                text(N_("Taken out of the draft.")))  # fmt: skip


def _try(budget: Budget, version: BudgetVersion, command: Any, says: Text) -> Response:
    """Do it and say so, or the page again with why not."""
    try:
        command()
    except Refused as refused:
        return _show(budget, version, problems=refused.problems)
    return done(_url(budget, version), says)


# --- from draft to decision ----------------------------------------------------------------------------------------


@bp.post(HERE + "/<int:number>/submit")
@requires(EDIT)
@writes
def submit(union: str, year: int, number: int) -> Response:
    """Hand the version in."""
    budget, version = _get(union, year, number, EDIT)
    return _try(budget, version, lambda: commands.submit(version=version, by=access.by()),
                text(N_("Handed in. Another person decides.")))  # fmt: skip


@bp.post(HERE + "/<int:number>/reopen")
@requires(EDIT)
@writes
def reopen(union: str, year: int, number: int) -> Response:
    """Take one's own version back, or work on a returned one."""
    budget, version = _get(union, year, number, EDIT)
    return _try(budget, version, lambda: commands.work_again(version=version, by=access.by()),
                text(N_("You can work on it again.")))  # fmt: skip


@bp.post(HERE + "/<int:number>/review")
@requires(REVIEW)
@writes
def review(union: str, year: int, number: int) -> Response:
    """The audit committee looked at it."""
    budget, version = _get(union, year, number, REVIEW)
    form = forms.ReviewForm()
    if not form.validate():
        return _show(budget, version, review=form)
    return _try(budget, version, lambda: commands.review(version=version, note=form.note.data, by=access.by()),
                text(N_("The review is on record.")))  # fmt: skip


@bp.post(HERE + "/<int:number>/approve")
@requires(APPROVE)
@writes
def approve(union: str, year: int, number: int) -> Response:
    """Put the version into force."""
    budget, version = _get(union, year, number, APPROVE)
    form = forms.DecideForm()
    if form.validate():
        try:
            commands.approve(version=version, minute_number=form.minute_number.data, by=access.by())
            return done(_url(budget, version), text(N_("Approved. It is in force.")))
        except Refused as refused:
            form.take(refused.problems)
    return _show(budget, version, decide=form)


@bp.post(HERE + "/<int:number>/return")
@requires(APPROVE)
@writes
def send_back(union: str, year: int, number: int) -> Response:
    """Return the version with what has to change."""
    budget, version = _get(union, year, number, APPROVE)
    form = forms.DecideForm()
    reason = [] if form.answer.data else [Problem("no_answer", text(N_("Say what has to change.")), field="answer")]
    if form.validate() and form.take(reason):
        return _try(budget, version, lambda: commands.send_back(version=version, answer=form.answer.data, by=access.by()),
                    text(N_("Returned with your remark.")))  # fmt: skip
    return _show(budget, version, decide=form)


# --- workbook ------------------------------------------------------------------------------------------------------


@bp.get(HERE + "/<int:number>/import")
@requires(EDIT)
def upload(union: str, year: int, number: int) -> Response:
    """The form to load lines from a workbook."""
    return _upload_page(*_get(union, year, number, EDIT), forms.ImportForm())


def _upload_page(budget: Budget, version: BudgetVersion, form: Any, errors: list[imports.RowError] = ()) -> Response:
    draw = invalid if form.errors or errors else page
    return draw("welfare/versions/import.html", budget=budget, version=version, union=queries.union_of(budget), form=form,
                row_errors=errors, headers=imports.HEADERS, sources=list_sources_of(budget.union_id, budget.year))  # fmt: skip


@bp.post(HERE + "/<int:number>/import")
@requires(EDIT)
@writes
def load(union: str, year: int, number: int) -> Response:
    """Put the lines of a workbook into the draft: all of them, or none and why."""
    budget, version = _get(union, year, number, EDIT)
    form, errors = forms.ImportForm(), []
    if form.validate():
        known = {source.name: source for source in list_sources_of(budget.union_id, year)}
        try:
            content = form.workbook.data.read(MAX_BYTES + 1)
            count, errors = imports.load(content, version=version, sources=known, by=access.by())
            if not errors:
                return done(_url(budget, version), text(N_("%(count)s lines are in the draft."), count=count))
        except Unreadable as trouble:
            form.take([Problem("unreadable", trouble.says, field="workbook")])
        except Refused as refused:
            form.take(refused.problems)
    return _upload_page(budget, version, form, errors)


@bp.get(HERE + "/<int:number>/import/template")
@requires(EDIT)
def template(union: str, year: int, number: int) -> Response:
    """An empty workbook with every column that is read."""
    _get(union, year, number, EDIT)
    return send_workbook(_("Budget workbook"), imports.COLUMNS, ())
