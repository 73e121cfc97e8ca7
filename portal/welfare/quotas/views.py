"""HTTP of quotas: who holds how many places of a programme, handing down, changing, taking back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.paging import Slice
from portal.types import N_, Problem, Refused, text
from portal.unions.tree.models import Union
from portal.unions.tree.queries import reaches
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas import commands, exports, forms, queries
from portal.welfare.quotas.models import QuotaShare

bp = Blueprint("quotas", __name__)

VIEW, PLAN = Permission.VIEW_PROGRAMMES, Permission.PLAN_PROGRAMMES


@bp.get("/programmes/<string:programme>/quota")
@requires(VIEW)
def index(programme: str) -> Response:
    """Who holds what of a programme's quota, as far as one's own branch goes: all of it while it is small, then by level."""
    found = queries.get_programme(programme, access.actor())
    nodes, more = queries.list_tree(found, access.actor(), limit=queries.WHOLE + 1), Slice([])
    if folded := len(nodes) > queries.WHOLE:
        nodes, more = _level(found)
    root = queries.find_root(found.id)
    return page(
        "welfare/quotas/index.html", programme=found, nodes=nodes, moves=queries.list_moves(node.share for node in nodes),
        whole=root if root and nodes and nodes[0].share.id == root.id else None, has_quota=bool(root and root.amount),
        is_own=_sees(found), folded=folded, pager=pager(more),
    )  # fmt: skip


def _level(programme: Programme) -> tuple[list[queries.Node], Slice]:
    """The top of one's branch and a page of what it handed down; several tops, a page of them. The rest opens from there."""
    at = {"before": request.args.get("before"), "after": request.args.get("after")}
    tops = queries.list_tops(programme, access.actor())
    if len(tops) == 1:
        beneath = queries.list_beneath(tops.rows[0].share, depth=1, **at)
        return [*tops, *beneath], beneath
    page_of = queries.list_tops(programme, access.actor(), **at)
    return page_of.rows, page_of


@bp.get("/quota-shares")
@requires(VIEW)
def going_back() -> Response:
    """What goes back to the holder above within a week, and what did: whose, of which programme, how much."""
    rows = queries.list_going_back(
        access.actor(), clock.today(), before=request.args.get("before"), after=request.args.get("after")
    )
    return page("welfare/quotas/going_back.html", rows=rows, pager=pager(rows))


def _sees(programme: Programme) -> bool:
    """Whether the programme's own page is open to this person."""
    return reaches(access.actor(), VIEW, programme.union_id)


@bp.get("/programmes/<string:programme>/quota/export")
@requires(VIEW)
def export(programme: str) -> Response:
    """The same as a workbook."""
    found = queries.get_programme(programme, access.actor())
    rows = exports.rows(queries.list_tree(found, access.actor()))
    return send_workbook(f"{_('Quota')} {found.code} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/quota-shares/<uuid:share_id>")
@requires(VIEW)
def show(share_id: UUID) -> Response:
    """One share: what it holds, to whom it went on, what happened to it."""
    return _show(queries.get_share(share_id, access.actor()))


def _show(share: QuotaShare, hand: forms.HandDownForm | None = None, change: forms.ChangeForm | None = None) -> Response:
    programme, who = programmes.find_programme(share.programme_id), access.actor()
    ahead = share.take_back_on if share.taken_back_at is None else None
    known = {"new_amount": share.amount, "new_day": ahead}
    hand, change = hand or forms.HandDownForm(formdata=None), change or forms.ChangeForm(formdata=None, data=known)
    may_hand_down = queries.may_hand_down(share, who)
    draw = invalid if hand.errors or change.errors else page
    at = request.args if request.method == "GET" else {}
    nodes = queries.list_beneath(share, before=at.get("before"), after=at.get("after"))
    links = pager(nodes) if request.method == "GET" else {}
    return draw(
        "welfare/quotas/show.html", share=share, holder=queries.holder_name(share), programme=programme, hand=hand, change=change,
        nodes=nodes, pager=links, moves=queries.list_moves([share]), may_hand_down=may_hand_down,
        may_change=queries.may_change(share, who), holders=queries.suggest_holders(share) if may_hand_down else [],
        above=queries.find_above(share, who), is_own=_sees(programme),
    )  # fmt: skip


@bp.post("/quota-shares/<uuid:share_id>/hand-down")
@requires(PLAN)
@writes
def hand_down(share_id: UUID) -> Response:
    """Give a part to a union beneath or to a station."""
    share, form = queries.get_share(share_id, access.actor(), PLAN), forms.HandDownForm()
    if form.validate() and (holder := _holder(share, form)):
        to: dict[str, Any] = {"union": holder} if isinstance(holder, Union) else {"station": holder}
        try:
            commands.hand_down(share=share, amount=form.amount.data, take_back_on=form.take_back_on.data, by=access.by(), **to)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("%(amount)s places went to “%(holder)s”."), amount=form.amount.data, holder=holder.name)
            return done(url_for("quotas.show", share_id=share_id), says)
    return _show(share, hand=form)


def _holder(share: QuotaShare, form: forms.HandDownForm) -> Any:
    """Whom the form names; says what is wrong where it is nobody, or more than one."""
    found = queries.find_holders(share, form.holder.data)
    if len(found) == 1:
        return found[0]
    says = (
        N_("Several have this name. Use the code.") if found else N_("No union or station of this code or name stands beneath.")
    )
    form.take([Problem("holder_unknown", text(says), field="holder")])
    return None


def _changeable(share_id: UUID) -> QuotaShare:
    """A share whose parent's holder this person plans for; 404 otherwise."""
    return queries.get_share_to_change(share_id, access.actor())


@bp.post("/quota-shares/<uuid:share_id>/change")
@requires(PLAN)
@writes
def change(share_id: UUID) -> Response:
    """Change what a holder was given."""
    share, form = _changeable(share_id), forms.ChangeForm()
    if form.validate():
        try:
            commands.change_share(share=share, amount=form.new_amount.data, take_back_on=form.new_day.data, by=access.by())
        except Refused as refused:
            form.take([forms.as_change(one) for one in refused.problems])
        else:
            return done(url_for("quotas.show", share_id=share_id), text(N_("Saved.")))
    return _show(share, change=form)


@bp.post("/quota-shares/<uuid:share_id>/take-back")
@requires(PLAN)
@writes
def take_back(share_id: UUID) -> Response:
    """Take back what is not used."""
    share = _changeable(share_id)
    try:
        back = commands.take_back(share=share, by=access.by())
    except Refused as refused:
        return done(url_for("quotas.show", share_id=share_id), refused.problems[0].says, "error")
    return done(url_for("quotas.show", share_id=share_id), text(N_("%(back)s places went back up."), back=back))


def section(programme: Programme) -> dict[str, Any] | None:
    """The quota, on a programme's page."""
    root = queries.find_root(programme.id)
    if root is None or not root.amount:
        return None
    says = text(N_("%(used)s of %(amount)s used or handed down, %(left)s left at the top"), used=root.given + root.used,
                amount=root.amount, left=root.left)  # fmt: skip
    return {"title": text(N_("Quota")), "url": url_for("quotas.index", programme=programme.code), "text": says}
