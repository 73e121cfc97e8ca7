"""HTTP of what is looked at afterwards: exceptions, late entries, doubles, disputes, samples; and “this was not me”."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for

from portal import access, clock
from portal.access import Permission, requires, workers_only
from portal.members.workers import queries as workers
from portal.paging import Slice, cursor, open_cursor
from portal.types import N_, Refused, Text, text
from portal.unions.tree.queries import names_of, reaches
from portal.web import done, invalid, page, pager, unkeyed, writes
from portal.welfare.checks import commands, forms, queries
from portal.welfare.checks.models import CheckOutcome, SampleCall
from portal.welfare.deliveries import queries as deliveries
from portal.welfare.deliveries.forms import filters as asked_days
from portal.welfare.deliveries.models import Delivery, Flag
from portal.welfare.deliveries.views import show_delivery
from portal.welfare.programmes import queries as programmes

bp = Blueprint("checks", __name__)
CHECK, KEEP = Permission.CHECK_DELIVERIES, Permission.MANAGE_BOOKINGS
DOUBLES = 50
LOOK_BACK = timedelta(days=90)


def _edges() -> dict[str, Any]:
    return {"done": "all" in request.args, "before": request.args.get("before"), "after": request.args.get("after")}


def _list(template: str, rows: Slice, **more: Any) -> Response:
    return page(
        f"welfare/checks/{template}.html", rows=rows, pager=pager(rows), everything="all" in request.args, flags=Flag, **more
    )


@bp.get("/deliveries/exceptions")
@requires(CHECK)
def exceptions() -> Response:
    """What one person handed over alone, to be reviewed by somebody else."""
    return _list("exceptions", queries.list_exceptions(access.actor(), **_edges()))


@bp.get("/deliveries/late")
@requires(KEEP)
def late() -> Response:
    """Entered afterwards, and something did not fit."""
    return _list("late", queries.list_flagged(access.actor(), **_edges()))


@bp.get("/deliveries/disputes")
@requires(CHECK)
def disputes() -> Response:
    """What workers said was not theirs."""
    return _list("disputes", queries.list_disputes(access.actor(), **_edges()), form=forms.AnswerForm(formdata=None))


@bp.get("/deliveries/doubles")
@requires(CHECK)
def doubles() -> Response:
    """Given too soon or too often to the same person, under whichever of their records."""
    days, today = asked_days(), clock.today()
    last = min(days.last or today, today)
    first = max(days.first or last - LOOK_BACK, last - timedelta(days=366))
    before = open_cursor(request.args.get("after"), (Delivery.at, Delivery.id))
    found = queries.list_doubles(access.actor(), first, last, before=before, limit=DOUBLES + 1)
    more, rows = len(found) > DOUBLES, found[:DOUBLES]
    edge = rows[-1].listed.delivery if more else None
    shown = Slice(rows, None, cursor((edge.at, edge.id)) if edge else None)
    return page("welfare/checks/doubles.html", rows=shown, pager=pager(shown), first=first, last=last, flags=Flag)


# --- on the page of one delivery -----------------------------------------------------------------------------------


def part(delivery: Delivery, *, review_form: Any = None, look_form: Any = None, answer_form: Any = None):
    """What was said about a delivery afterwards, and what is still to be said."""
    actor = access.actor()
    checks = actor.may(CHECK) and reaches(actor, CHECK, delivery.union_id)
    keeps = actor.may(KEEP) and reaches(actor, KEEP, delivery.union_id)
    alone = delivery.needs_two and delivery.by_account_id == delivery.registered_by_account_id
    said, review, look = queries.disputes_of([delivery.id]), queries.find_review(delivery.id), queries.find_look(delivery.id)
    found = said.get(delivery.id, [])
    return "welfare/checks/afterwards.html", {
        "disputes": found, "review": review, "look": look, "alone": alone,
        "may_review": checks and alone and not review and delivery.by_account_id != actor.id,
        "may_look": keeps and bool(delivery.flags) and not look, "may_answer": checks,
        "review_form": review_form or forms.ReviewForm(formdata=None), "look_form": look_form or forms.LookForm(formdata=None),
        "answer_form": answer_form or forms.AnswerForm(formdata=None),
        "people": queries.names_of_reviewers(review, look, found),
    }  # fmt: skip


@bp.post("/deliveries/<uuid:delivery_id>/review")
@requires(CHECK)
@writes
def review(delivery_id: UUID) -> Response:
    """Somebody else says whether one person alone was right."""
    delivery, form = deliveries.get_delivery(delivery_id, access.actor(), CHECK), forms.ReviewForm()
    if form.validate():
        try:
            accepted = form.accepted.data == "yes"
            commands.review_exception(delivery=delivery, accepted=accepted, note=form.review_note.data, by=access.by())
            return done(url_for("deliveries.show", delivery_id=delivery.id), text(N_("Reviewed.")))
        except Refused as refused:
            form.take(refused.problems)
    return show_delivery(delivery, review_form=form)


@bp.post("/deliveries/<uuid:delivery_id>/look")
@requires(KEEP)
@writes
def look(delivery_id: UUID) -> Response:
    """The keeper says what became of a late entry."""
    delivery, form = deliveries.get_delivery(delivery_id, access.actor(), KEEP), forms.LookForm()
    if form.validate():
        try:
            commands.look_at(delivery=delivery, note=form.look_note.data, by=access.by())
            return done(url_for("deliveries.show", delivery_id=delivery.id), text(N_("Noted. It is off the list.")))
        except Refused as refused:
            form.take(refused.problems)
    return show_delivery(delivery, look_form=form)


@bp.post("/deliveries/disputes/<uuid:dispute_id>/answer")
@requires(CHECK)
@writes
def answer(dispute_id: UUID) -> Response:
    """The union answers a worker."""
    dispute, form = queries.get_dispute(dispute_id, access.actor()), forms.AnswerForm()
    if form.validate():
        try:
            commands.answer(dispute=dispute, answer=form.answer.data, by=access.by())
            return done(url_for("checks.disputes"), text(N_("Answered. The worker reads it on their page.")))
        except Refused as refused:
            form.take(refused.problems)
    return show_delivery(deliveries.find_delivery(dispute.delivery_id), answer_form=form)


@bp.post("/me/deliveries/<uuid:delivery_id>/dispute")
@workers_only
@writes
def dispute(delivery_id: UUID) -> Response:
    """“This was not me”, with a word if one likes."""
    worker, form = workers.get_worker(access.actor().id), forms.DisputeForm()
    delivery = deliveries.find_of_worker(worker.id, delivery_id)
    if delivery is None:
        abort(404)
    back = url_for("me.received") + "#given"
    note = form.note.data if form.validate() else (form.note.data or "")[:300]
    try:
        commands.dispute(delivery=delivery, worker=worker, note=note, by=access.by())
    except Refused as refused:
        return done(back, refused.problems[0].says, "warning")
    return done(back, text(N_("Noted. Your union looks at it, and the answer stands here.")))


# --- samples -------------------------------------------------------------------------------------------------------


@bp.get("/deliveries/samples")
@requires(CHECK)
def samples() -> Response:
    """The samples drawn, and what their calls found."""
    rows = queries.list_samples(access.actor(), before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/checks/samples.html", rows=rows, pager=pager(rows))


def _sample_form() -> forms.SampleForm:
    form = forms.SampleForm()
    form.programme.choices = queries.list_programmes(access.actor())
    return form


@bp.get("/deliveries/samples/new")
@requires(CHECK)
def new_sample() -> Response:
    """What to draw."""
    form, today = _sample_form(), clock.today()
    form.programme.data = request.args.get("programme")
    form.first_on.data, form.last_on.data = today - timedelta(days=30), today - timedelta(days=1)
    return page("welfare/checks/new_sample.html", form=form)


@bp.post("/deliveries/samples/new")
@requires(CHECK)
@writes
def draw_sample() -> Response:
    """Draw it; the seed is drawn with it and kept."""
    form, actor = _sample_form(), access.actor()
    found = queries.find_programme(form.programme.data, actor) if form.validate() else None
    if found:
        programme, union_id = found
        try:
            sample = commands.draw_sample(
                programme=programme, union_id=union_id, first=form.first_on.data, last=form.last_on.data,
                size=form.size.data, by=access.by(),
            )  # fmt: skip
            return done(url_for("checks.show_sample", sample_id=sample.id), text(N_("Drawn. Call whoever stands on the list.")))
        except Refused as refused:
            form.take(refused.problems)
    return invalid("welfare/checks/new_sample.html", form=form)


def _show_sample(sample_id: UUID, *, status: int = 200, **more: Any) -> Response:
    actor = access.actor()
    sample = queries.get_sample(sample_id, actor)
    calls = queries.list_calls(sample)
    return page(
        "welfare/checks/sample.html", status=status, sample=sample, calls=calls,
        programme=programmes.name_of(sample.programme_id),
        union=names_of([sample.union_id])[sample.union_id], rates=queries.rates_of(calls), outcomes=CheckOutcome,
        may_reveal=actor.may(Permission.REVEAL) and reaches(actor, Permission.REVEAL, sample.union_id),
        reproduced=queries.is_reproduced(sample),
        **{"form": forms.CallForm(formdata=None), "reveal_form": forms.RevealForm(formdata=None), "wrong": None, "revealed": None}
        | more,
    )  # fmt: skip


@bp.get("/deliveries/samples/<uuid:sample_id>")
@requires(CHECK)
def show_sample(sample_id: UUID) -> Response:
    """The call list and what it found so far."""
    return _show_sample(sample_id)


@bp.post("/deliveries/samples/<uuid:sample_id>/calls/<uuid:delivery_id>")
@requires(CHECK)
@writes
def record_call(sample_id: UUID, delivery_id: UUID) -> Response:
    """What one call found."""
    sample, form = queries.get_sample(sample_id, access.actor()), forms.CallForm()
    call = queries.get_call(sample, delivery_id, lock=True)
    if form.validate():
        try:
            outcome = CheckOutcome(form.outcome.data)
            commands.record_call(sample=sample, call=call, outcome=outcome, note=form.note.data, by=access.by())
            return done(url_for("checks.show_sample", sample_id=sample.id), text(N_("Written down.")))
        except Refused as refused:
            form.take(refused.problems)
    return _show_sample(sample_id, status=422, form=form, wrong=delivery_id)


@bp.post("/deliveries/samples/<uuid:sample_id>/calls/<uuid:delivery_id>/reveal")
@requires(Permission.REVEAL)
@unkeyed("each look is an entry of its own in the trail")
def reveal(sample_id: UUID, delivery_id: UUID) -> Response:
    """The whole number to call, this once, with a reason."""
    if not access.actor().may(CHECK):
        abort(403)
    sample, form = queries.get_sample(sample_id, access.actor(), Permission.REVEAL), forms.RevealForm()
    call: SampleCall = queries.get_call(sample, delivery_id)
    if form.validate():
        try:
            phone = commands.reveal_phone(sample=sample, call=call, reason=form.reason.data, by=access.by())
            return _show_sample(sample_id, revealed=(delivery_id, phone))
        except Refused as refused:
            form.take(refused.problems)
    return _show_sample(sample_id, status=422, reveal_form=form, wrong=delivery_id)


# --- above the list of deliveries ----------------------------------------------------------------------------------


def _link(label: str, endpoint: str, permission: Permission, count) -> Any:
    def look(actor: Any) -> tuple[Text, str, int] | None:
        return (text(label), url_for(endpoint), count(actor) if count else 0) if actor.may(permission) else None

    return look


LINKS = [
    _link(N_("Exceptions"), "checks.exceptions", CHECK, queries.count_to_review),
    _link(N_("Late entries"), "checks.late", KEEP, queries.count_to_look_at),
    _link(N_("Double deliveries"), "checks.doubles", CHECK, None),
    _link(N_("“This was not me”"), "checks.disputes", CHECK, queries.count_disputes),
    _link(N_("Samples"), "checks.samples", CHECK, None),
]
