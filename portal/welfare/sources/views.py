"""HTTP of sources: the list, one source with its ledger, cash, advances, carry-over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.queries import find_union, suggest_unions
from portal.types import N_, Problem, Refused, text
from portal.unions.tree.queries import names_of
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.ledger import queries as ledger
from portal.welfare.ledger.models import Source, SourceKind
from portal.welfare.sources import commands, exports, forms, queries, rules

bp = Blueprint("sources", __name__)

VIEW, EDIT, APPROVE = Permission.VIEW_BUDGETS, Permission.EDIT_BUDGETS, Permission.APPROVE_BUDGETS


def _source(ident: str) -> tuple[str, str] | None:
    source = queries.find_source(UUID(ident))
    return (url_for("sources.show", ident=ident), source.name) if source else None


def _advance(ident: str) -> tuple[str, str] | None:
    advance = queries.find_advance(UUID(ident))
    return (url_for("sources.show", ident=advance.to_source_id), _("Advance")) if advance else None


CAUSES = {"sources": _source, "advances": _advance}


@bp.get("/sources")
@requires(VIEW)
def index() -> Response:
    """Sources within one's part of the tree."""
    filters = forms.read_filters(request.args)
    found = queries.list_sources(access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/sources/index.html", fragments=("sources",), rows=found, filters=filters, pager=pager(found),
                kinds=SourceKind.choices(), proposed=queries.list_proposed_advances(access.actor()), uses_htmx=True)  # fmt: skip


@bp.get("/sources/export")
@requires(VIEW)
def export() -> Response:
    """The sources that match, as a workbook."""
    rows = exports.rows(queries.stream_sources(access.actor(), **forms.read_filters(request.args)))
    return send_workbook(f"{_('Sources of money')} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/sources/new")
@requires(EDIT)
def new() -> Response:
    """The form for a new source."""
    year = clock.today().year
    first = suggest_unions(access.actor(), EDIT, limit=1)
    began = {"from_on": clock.today().replace(month=1, day=1), "until_on": clock.today().replace(month=12, day=31)}
    known = {"year": year, "union_code": first[0].code if first else None, "rest_rule": "carry_over", **began}
    return _form_page(forms.SourceForm(data=known))


def _form_page(form: forms.SourceForm, source: Source | None = None) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/sources/form.html", form=form, source=source, unions=suggest_unions(access.actor(), EDIT))


@bp.post("/sources/new")
@requires(EDIT)
@writes
def add() -> Response:
    """Enter a source."""
    form = forms.SourceForm()
    union = find_union(form.union_code.data, access.actor(), EDIT)
    if form.validate() and form.take(_problems_with_union(union)):
        try:
            source = commands.add_source(union=union, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("sources.show", ident=source.id), text(N_("Entered: %(name)s"), name=source.name))
    return _form_page(form)


def _problems_with_union(union: Any) -> list[Problem]:
    if union:
        return []
    return [Problem("union_unknown", text(N_("This is no union in your part of the tree.")), field="union_code")]


@bp.get("/sources/<uuid:ident>")
@requires(VIEW)
def show(ident: UUID) -> Response:
    """A source: granted, shared out, cash, advances, and every entry."""
    return _show(queries.get_listed(ident, access.actor()))


def _show(listed: queries.Listed, cash: Any = None, advance: Any = None) -> Response:
    source = listed.source
    cash = cash or forms.CashForm(formdata=None, data={"on": clock.today()})
    advance = advance or forms.AdvanceForm(formdata=None)
    advance.offer([one for one in queries.list_sources_of(source.union_id, source.year) if one.id != source.id])
    entries = ledger.list_entries(source_id=source.id, before=request.args.get("before"), after=request.args.get("after"))
    draw = invalid if cash.errors or advance.errors else page
    return draw("welfare/sources/show.html", fragments=("entries",), one=listed, source=source, entries=entries,
                pager=pager(entries) if request.method == "GET" else {}, cash=cash, advance=advance,
                advances=queries.list_advances(source.id), custodian=names_of([source.custodian_union_id]),
                attention=rules.attention(source, promised=listed.promised, today=clock.today()), cause_of=ledger.cause_of,
                uses_htmx=True)  # fmt: skip


@bp.get("/sources/<uuid:ident>/edit")
@requires(EDIT)
def edit(ident: UUID) -> Response:
    """The form of a source."""
    source = queries.get_source(ident, access.actor(), EDIT)
    union = queries.get_listed(ident, access.actor()).union_code
    return _form_page(forms.SourceForm(data=forms.SourceForm.known(source, union)), source)


@bp.post("/sources/<uuid:ident>/edit")
@requires(EDIT)
@writes
def change(ident: UUID) -> Response:
    """Change what is on record of a source; its union stays."""
    source = queries.get_source(ident, access.actor(), EDIT)
    form = forms.SourceForm()
    if form.validate():
        try:
            changes = commands.change_source(source=source, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Saved: %(name)s") if changes else N_("Nothing was changed."), name=source.name)
            return done(url_for("sources.show", ident=ident), says)
    return _form_page(form, source)


@bp.post("/sources/<uuid:ident>/cash")
@requires(EDIT)
@writes
def move_cash(ident: UUID) -> Response:
    """Cash came in, or goes back to the giver."""
    source = queries.get_source(ident, access.actor(), EDIT)
    form = forms.CashForm()
    if form.validate():
        values = {"source": source, "amount": form.amount.data, "on": form.on.data, "voucher_number": form.voucher_number.data}
        try:
            if form.way.data == "return":
                commands.return_cash(**values, by=access.by())
                says = text(N_("Noted: %(amount)s went back."), amount=form.amount.data)
            else:
                repaid = commands.receive_cash(**values, by=access.by())
                says = text(N_("Noted: %(amount)s came in."), amount=form.amount.data)
                if repaid:
                    words = N_("Noted: %(amount)s came in; %(repaid)s of it repaid advances.")
                    says = text(words, amount=form.amount.data, repaid=repaid)
            return done(url_for("sources.show", ident=ident), says)
        except Refused as refused:
            form.take(refused.problems)
    return _show(queries.get_listed(ident, access.actor()), cash=form)


@bp.post("/sources/<uuid:ident>/advances")
@requires(EDIT)
@writes
def propose_advance(ident: UUID) -> Response:
    """Ask that another source lends cash until the grant comes."""
    source = queries.get_source(ident, access.actor(), EDIT)
    form = forms.AdvanceForm()
    form.offer([one for one in queries.list_sources_of(source.union_id, source.year) if one.id != source.id])
    if form.validate():
        lender = queries.get_source(UUID(form.lender.data), access.actor(), EDIT)
        try:
            commands.propose_advance(
                lender=lender, borrower=source, amount=form.lent.data, reason=form.reason.data, by=access.by()
            )
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("sources.show", ident=ident), text(N_("Asked for. Another person has to approve it.")))
    return _show(queries.get_listed(ident, access.actor()), advance=form)


@bp.post("/advances/<uuid:ident>/decide")
@requires(APPROVE)
@writes
def decide_advance(ident: UUID) -> Response:
    """Lend the cash, or not."""
    advance = queries.get_advance(ident, access.actor(), APPROVE)
    approve = request.form.get("answer") == "approve"
    here = url_for("sources.show", ident=advance.to_source_id)
    try:
        commands.decide_advance(advance=advance, approve=approve, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("The advance is approved.") if approve else N_("The advance is refused.")))


@bp.post("/sources/<uuid:ident>/carry-over")
@requires(EDIT)
@writes
def carry_over(ident: UUID) -> Response:
    """Take what is left into the next year."""
    source = queries.get_source(ident, access.actor(), EDIT)
    try:
        fresh = commands.carry_over(source=source, by=access.by())
    except Refused as refused:
        return done(url_for("sources.show", ident=ident), refused.problems[0].says, "error")
    return done(url_for("sources.show", ident=fresh.id), text(N_("Carried over: %(name)s"), name=fresh.name))
