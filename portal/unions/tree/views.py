"""HTTP of unions: browse and search the tree, open a union, add, change and close one, export the list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.tables import Column
from portal.types import N_, Refused, text, tidy
from portal.unions.tree import commands, forms, queries
from portal.unions.tree.models import Union, UnionKind, UnionLevel
from portal.web import done, invalid, page, pager, send_workbook, writes

bp = Blueprint("unions", __name__)

COLUMNS = (
    Column(text(N_("Code")), 14),
    Column(text(N_("Name")), 34),
    Column(text(N_("Kind")), 26),
    Column(text(N_("Level")), 14),
    Column(text(N_("Parent")), 34),
    Column(text(N_("Second parent")), 34),
    Column(text(N_("Founded on")), 12),
    Column(text(N_("Closed")), 18),
)


def _word(words: type, name: str) -> Any:
    """A filter of the query string as a member of its vocabulary; anything else is no filter."""
    try:
        return words(request.args.get(name, ""))
    except ValueError:
        return None


def _filters() -> dict[str, Any]:
    return {
        "q": tidy(request.args.get("q")),
        "level": _word(UnionLevel, "level"),
        "kind": _word(UnionKind, "kind"),
    }


@bp.get("/unions")
@requires(Permission.VIEW_UNIONS)
def index() -> Response:
    """The actor's part of the tree; with a search or filter, the unions that match."""
    actor, filters = access.actor(), _filters()
    shown: dict[str, Any] = {"filters": filters, "kinds": UnionKind.choices(), "levels": UnionLevel.choices()}
    if any(filters.values()):
        found = queries.list_unions(actor, **filters, before=request.args.get("before"), after=request.args.get("after"))
        counts = queries.count_beneath(found)
        return page(
            "unions/tree/index.html",
            fragments=("unions",),
            unions=found,
            counts=counts,
            pager=pager(found),
            **shown,
        )
    roots = queries.list_roots(actor)
    children = {root.id: queries.list_children(root, actor) for root in roots}
    counts = queries.count_beneath([*roots, *(child for found in children.values() for child in found)])
    return page(
        "unions/tree/index.html", fragments=("unions",), roots=roots, children=children, counts=counts,
        coverage=queries.count_coverage(actor), **shown,
    )  # fmt: skip


@bp.get("/unions/export")
@requires(Permission.VIEW_UNIONS)
def export() -> Response:
    """The unions that match, as a workbook."""
    rows = (
        (
            union.code, union.name, union.kind, union.level, parent, second, union.founded_on, union.closed_at,
        )
        for union, parent, second in queries.rows_for_export(access.actor(), **_filters())
    )  # fmt: skip
    return send_workbook(f"{_('Unions')} {clock.today():%Y-%m-%d}", COLUMNS, rows)


@bp.get("/unions/<string:code>")
@requires(Permission.VIEW_UNIONS)
def show(code: str) -> Response:
    """One union: where it stands, what lies beneath, what stands at it."""
    actor = access.actor()
    union = queries.get_union(code, actor, Permission.VIEW_UNIONS)
    children = queries.list_children(union, actor, before=request.args.get("before"), after=request.args.get("after"))
    way = queries.ancestors_of(union, actor)
    return page(
        "unions/tree/show.html",
        union=union,
        way=way,
        names=queries.names_of(getattr(union, column) for column in queries.RELATIONS.values()),
        children=children,
        counts=queries.count_beneath([union, *children]),
        standing=queries.list_standing(union),
        pager=pager(children),
        may_edit=not union.closed_at and queries.reaches(actor, Permission.EDIT_UNIONS, union.id),
    )


def _related(form: forms.ChangeUnionForm, union: Union | None = None) -> dict[str, Union | None]:
    """The unions whose codes were typed: within scope, or those that the union already relates to."""
    kept = queries.related(union) if union else {}
    return {
        name: kept[name]
        if kept.get(name) and kept[name].code == code
        else queries.find_union(code, access.actor(), Permission.EDIT_UNIONS)
        for name, code in form.codes().items()
    }


@bp.get("/unions/new")
@requires(Permission.EDIT_UNIONS)
def new() -> Response:
    """The form for a new union; `?parent=` fills in where it was asked for."""
    form = forms.AddUnionForm(data={"parent_code": tidy(request.args.get("parent"))})
    return page("unions/tree/new.html", form=form)


@bp.post("/unions/new")
@requires(Permission.EDIT_UNIONS)
@writes
def add() -> Response:
    """Add a union beneath a parent within scope."""
    form = forms.AddUnionForm()
    if form.validate() and (details := form.details(_related(form), parent_required=True)):
        try:
            code = form.code.data.upper() if form.code.data else None
            union = commands.add_union(details=details, code=code, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("unions.show", code=union.code), text(N_("Added: %(name)s"), name=union.name))
    return invalid("unions/tree/new.html", form=form)


@bp.get("/unions/<string:code>/change")
@requires(Permission.EDIT_UNIONS)
def edit(code: str) -> Response:
    """The form to change or close a union."""
    union = queries.get_union(code, access.actor(), Permission.EDIT_UNIONS)
    codes = {name: other.code if other else None for name, other in queries.related(union).items()}
    form = forms.ChangeUnionForm(data=forms.ChangeUnionForm.values(union, codes))
    return page("unions/tree/change.html", form=form, union=union, way=queries.ancestors_of(union, access.actor()))


@bp.post("/unions/<string:code>/change")
@requires(Permission.EDIT_UNIONS)
@writes
def change(code: str) -> Response:
    """Change a union's details and its place."""
    union = queries.get_union(code, access.actor(), Permission.EDIT_UNIONS)
    form = forms.ChangeUnionForm()
    if form.validate() and (details := form.details(_related(form, union), parent_required=bool(union.parent_id))):
        try:
            commands.change_union(union=union, details=details, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("unions.show", code=code), text(N_("Saved: %(name)s"), name=union.name))
    way = queries.ancestors_of(union, access.actor())
    return invalid("unions/tree/change.html", form=form, union=union, way=way)


@bp.post("/unions/<string:code>/close")
@requires(Permission.EDIT_UNIONS)
@writes
def close(code: str) -> Response:
    """Close a union for good."""
    union = queries.get_union(code, access.actor(), Permission.EDIT_UNIONS)
    try:
        commands.close_union(union=union, by=access.by())
    except Refused as refused:
        codes = {name: other.code if other else None for name, other in queries.related(union).items()}
        form = forms.ChangeUnionForm(formdata=None, data=forms.ChangeUnionForm.values(union, codes))
        form.take(refused.problems)
        way = queries.ancestors_of(union, access.actor())
        return invalid("unions/tree/change.html", form=form, union=union, way=way)
    return done(url_for("unions.show", code=code), text(N_("Closed: %(name)s"), name=union.name))
