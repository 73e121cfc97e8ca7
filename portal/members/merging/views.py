"""HTTP of merging: likely duplicates, two records side by side, merges and their undoing."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from portal import access
from portal.access import Permission, requires
from portal.i18n import say
from portal.members.merging import commands, forms, queries, rules
from portal.members.merging.rules import Likeness
from portal.members.workers.models import Worker
from portal.types import N_, Level, Refused, text
from portal.web import done, page, pager, writes

bp = Blueprint("merging", __name__)

MERGE = Permission.MERGE_WORKERS


@bp.get("/workers/duplicates")
@requires(MERGE)
def duplicates() -> Response:
    """Pairs that may be one person, the likeliest first, each with why."""
    why = request.args.get("why", "")
    wanted = Likeness(why) if why in set(Likeness) else None
    found = queries.list_likely(access.actor(), why=wanted)
    return page("members/merging/duplicates.html", pairs=found, why=wanted, reasons=list(Likeness), in_words=rules.in_words)


def _two(worker_id: UUID, other_id: UUID) -> tuple[Worker, Worker]:
    who = access.actor()
    return queries.get_met(worker_id, who), queries.get_met(other_id, who)


def _compare(one: Worker, other: Worker, form: forms.MergeForm | None = None, status: int = 200) -> Response:
    left, right = queries.side(one), queries.side(other)
    standing = queries.standing(one, other)
    problems = rules.problems_with_merging(standing)
    asked = form or forms.MergeForm(formdata=None, stays="left" if queries.stays(one, other) == one.id else "right")
    return page(
        "members/merging/compare.html", status=status, one=one, other=other, left=left, right=right, problems=problems,
        form=asked if form else asked.offer(left=_values(one, left), right=_values(other, right)),
        may=not any(problem.level is Level.RED for problem in problems), apart=standing.said_apart,
        same_name=one.name == other.name, same_document=one.id_number_index == other.id_number_index,
    )  # fmt: skip


def _values(worker: Worker, side: queries.Side) -> dict[str, str]:
    document = f"{say(worker.id_type)} {side.document}" if worker.id_type else ""
    return {"name": side.masked.name, "occupation": say(worker.occupation), "document": document}


@bp.get("/workers/duplicates/<uuid:worker_id>/<uuid:other_id>")
@requires(MERGE)
def compare(worker_id: UUID, other_id: UUID) -> Response:
    """Two records side by side, masked."""
    return _compare(*_two(worker_id, other_id))


@bp.post("/workers/duplicates/<uuid:worker_id>/<uuid:other_id>/merge")
@requires(MERGE)
@writes
def merge(worker_id: UUID, other_id: UUID) -> Response:
    """Put the two together."""
    one, other = _two(worker_id, other_id)
    left, right = queries.side(one), queries.side(other)
    form = forms.MergeForm().offer(left=_values(one, left), right=_values(other, right))
    if not form.validate():
        return _compare(one, other, form, 422)
    survivor, merged = (one, other) if form.stays.data == "left" else (other, one)
    try:
        commands.merge(survivor=survivor, merged=merged, keep=form.kept(), reason=form.reason.data, union_id=_union(),
                       by=access.by())  # fmt: skip
    except Refused as refused:
        form.take(refused.problems)
        return _compare(one, other, form, 422)
    return done(url_for("merging.merges"), text(N_("Merged. Every key of both now finds one person; it can be undone here.")))


@bp.post("/workers/duplicates/<uuid:worker_id>/<uuid:other_id>/apart")
@requires(MERGE)
@writes
def apart(worker_id: UUID, other_id: UUID) -> Response:
    """Two people: never offer them again; or take that back."""
    one, other = _two(worker_id, other_id)
    if request.form.get("do") == "take_back":
        commands.take_back_apart(one=one, other=other, union_id=_union(), by=access.by())
        return done(url_for("merging.compare", worker_id=one.id, other_id=other.id), text(N_("Taken back.")))
    try:
        commands.say_apart(one=one, other=other, union_id=_union(), by=access.by())
    except Refused as refused:
        flash(say(refused.problems[0]), "error")
        return done(url_for("merging.duplicates"))
    return done(url_for("merging.duplicates"), text(N_("Noted: two people. The pair is not offered again.")))


@bp.get("/workers/merges")
@requires(MERGE)
def merges() -> Response:
    """What was merged, newest first, and the way back."""
    found = queries.list_merges(access.actor(), before=request.args.get("before"), after=request.args.get("after"))
    return page("members/merging/merges.html", merges=found, pager=pager(found))


@bp.post("/workers/merges/<uuid:merge_id>/undo")
@requires(MERGE)
@writes
def undo(merge_id: UUID) -> Response:
    """Part the two again."""
    try:
        left = commands.undo(merge=queries.get_merge(merge_id, access.actor()), union_id=_union(), by=access.by())
    except Refused as refused:
        flash(say(refused.problems[0]), "error")
        return done(url_for("merging.merges"))
    if left:
        flash(_("%(count)s values were changed since the merge and were left as they are now.", count=left), "warning")
    says = N_("Both records stand as before. What happened since the merge stays with the record that had stayed.")
    return done(url_for("merging.merges"), text(says))


def _union() -> UUID | None:
    """In whose name it is written down."""
    return next(iter(access.actor().unions(MERGE)), None)
