"""HTTP of the catalogue."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.queries import find_union, suggest_unions
from portal.types import N_, Refused, text
from portal.unions.tree.models import Union
from portal.unions.tree.queries import reaches
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.items import commands, exports, forms, queries, rules
from portal.welfare.items.models import WelfareCategory, WelfareItem

bp = Blueprint("items", __name__)

VIEW, PLAN = Permission.VIEW_PROGRAMMES, Permission.PLAN_PROGRAMMES


def chosen_union() -> Union:
    """The union in the query string, or the first of one's own: whose item or programme a new one is."""
    actor = access.actor()
    union = find_union(request.args.get("union"), actor, PLAN)
    if union is None and (first := suggest_unions(actor, PLAN, limit=1)):
        union = find_union(first[0].code, actor, PLAN)
    return union or abort(404)


@bp.get("/items")
@requires(VIEW)
def index() -> Response:
    """The catalogue: one's own items and those of the unions above."""
    filters = forms.read_filters(request.args)
    found = queries.list_items(access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/items/index.html", fragments=("items",), rows=found, filters=filters, pager=pager(found),
                categories=WelfareCategory.choices(), lists=rules.TEMPLATE_LISTS, uses_htmx=True)  # fmt: skip


@bp.get("/items/export")
@requires(VIEW)
def export() -> Response:
    """The items that match, as a workbook."""
    rows = exports.rows(queries.stream_items(access.actor(), **forms.read_filters(request.args)))
    return send_workbook(f"{_('Catalogue of items')} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/items/new")
@requires(PLAN)
def new() -> Response:
    """The form for a new item, begun from a template if one is named."""
    template = rules.find_template(request.args.get("template"))
    return _new_page(forms.ItemForm(data=forms.ItemForm.begun(template)), chosen_union(), template)


def _new_page(form: forms.ItemForm, union: Union, template: rules.Template | None = None) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/items/form.html", form=form.offer(queries.list_supplies(union)), item=None, union=union,
                unions=suggest_unions(access.actor(), PLAN), begun=template, lists=rules.TEMPLATE_LISTS)  # fmt: skip


@bp.post("/items/new")
@requires(PLAN)
@writes
def add() -> Response:
    """Put an item into the catalogue."""
    union = chosen_union()
    form = forms.ItemForm().offer(queries.list_supplies(union))
    if form.validate():
        try:
            item = commands.add_item(union=union, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("items.show", item_code=item.code), text(N_("In the catalogue: %(name)s"), name=item.name))
    return _new_page(form, union)


@bp.get("/items/<string:item_code>")
@requires(VIEW)
def show(item_code: str) -> Response:
    """An item: how it goes, what it costs, and what gives it."""
    item = queries.get_item(item_code, access.actor())
    return page("welfare/items/show.html", item=item, union=queries.union_of(item), supply=queries.find_supply(item),
                users=queries.users_of(item), may_plan=reaches(access.actor(), PLAN, item.union_id))  # fmt: skip


@bp.get("/items/<string:item_code>/edit")
@requires(PLAN)
def edit(item_code: str) -> Response:
    """The form of an item."""
    item = queries.get_item(item_code, access.actor(), PLAN)
    return _edit_page(forms.ItemForm(data=forms.ItemForm.known(item)), item)


def _edit_page(form: forms.ItemForm, item: WelfareItem) -> Response:
    draw: Any = invalid if form.errors else page
    return draw("welfare/items/form.html", form=_offered(form, item), item=item, union=queries.union_of(item))


def _offered(form: forms.ItemForm, item: WelfareItem) -> forms.ItemForm:
    return form.offer(queries.list_supplies(queries.union_of(item)), queries.find_supply(item))


@bp.post("/items/<string:item_code>/edit")
@requires(PLAN)
@writes
def change(item_code: str) -> Response:
    """Say anew what an item is."""
    item = queries.get_item(item_code, access.actor(), PLAN)
    form = _offered(forms.ItemForm(), item)
    if form.validate():
        try:
            commands.change_item(item=item, values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("items.show", item_code=item.code), text(N_("Saved.")))
    return _edit_page(form, item)


@bp.post("/items/<string:item_code>/close")
@requires(PLAN)
@writes
def close(item_code: str) -> Response:
    """Take an item out of the catalogue."""
    item = queries.get_item(item_code, access.actor(), PLAN)
    here = url_for("items.show", item_code=item.code)
    try:
        commands.close_item(item=item, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("No longer offered: %(name)s"), name=item.name))
