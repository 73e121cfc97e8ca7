"""HTTP of joining: the invitation and the form for whoever likes to join, the queue and the decision for the union."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, session, url_for
from flask_babel import gettext as _

from portal import access, clock, i18n
from portal.access import Permission, public, requires, workers_only
from portal.i18n import say
from portal.members.joining import commands, exports, queries
from portal.members.joining.forms import DecideForm, JoinForm, RevealForm, SearchForm
from portal.members.joining.models import Application, ApplicationStatus, Invitation, InvitationOutcome, JoinChannel
from portal.members.memberships import queries as memberships
from portal.members.memberships.rules import path
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.forms import CodeForm
from portal.members.workers.models import Worker
from portal.members.workers.rules import is_id_number, is_phone, mask_id_number, mask_name, mask_phone
from portal.members.workers.views import try_code, words_for
from portal.retention import NOTICE_VERSION
from portal.types import N_, Refused, Text, text, tidy
from portal.unions.tree.queries import reaches
from portal.web import changes_nothing, client_address, done, invalid, page, pager, send_workbook, unkeyed, writes

PURPOSE = "join"
FLOW = "joining"  # in the signed cookie: references to the application and its code, nothing else

join = Blueprint("join", __name__)
applications = Blueprint("applications", __name__)


@join.context_processor
def notice() -> dict[str, str]:
    """The version of the notice that stands beside the tick."""
    return {"notice_version": NOTICE_VERSION}


# --- the invited person --------------------------------------------------------------------------------------------


@join.get("/join", endpoint="index")
@public
def about() -> Response:
    """What membership gives, that it is voluntary, and the way to apply without an invitation."""
    return page("members/joining/index.html")


def _signed_in() -> Worker | None:
    who = access.actor()
    return workers.find_worker(who.id) if who and who.kind == "worker" else None


def _gone() -> Response:
    return page("members/joining/gone.html", status=404)


def _live(token: str) -> Invitation | None:
    """The invitation behind a token, unless it was used."""
    invitation = queries.find_invitation(token)
    return None if invitation is None or invitation.outcome is InvitationOutcome.APPLIED else invitation


@join.get("/join/<string:token>", endpoint="open")
@public
def open_invitation(token: str) -> Response:
    """The invitation: what it is about, and three ways to answer."""
    invitation = _live(token)
    if invitation is None:
        return _gone()
    return page("members/joining/invited.html", token=token, union=queries.find_home_union(invitation.union_id))


@join.post("/join/<string:token>/start")
@public
@unkeyed("an invitation is opened once")
def start(token: str) -> Response:
    """Go on to the form; the funnel learns that the invitation was opened."""
    invitation = _live(token)
    if invitation is None:
        return _gone()
    commands.open_invitation(invitation=invitation, by=access.by())
    return done(url_for("join.invited_form", token=token))


@join.post("/join/<string:token>/answer")
@public
@unkeyed("the same answer twice changes nothing more")
def answer(token: str) -> Response:
    """Not this time, or never again."""
    invitation = _live(token)
    if invitation is None:
        return _gone()
    commands.answer_invitation(invitation=invitation, never=request.form.get("answer") == "never", by=access.by())
    return done(url_for("home.index"), text(N_("Noted. You are served at every station all the same.")))


def _form_for(worker: Worker, *, own: bool) -> JoinForm:
    """The form with what is on file; a document is shown (masked) to its signed-in owner only."""
    contact = workers.current_phone(worker)
    form, document = JoinForm(), None
    if own:
        last = queries.find_open(worker.id)
        if last and last.status is ApplicationStatus.RETURNED:
            document = (last.id_type, last.id_number)
        elif worker.id_type:
            document = (worker.id_type, worker.id_number)
    return form.on_file(phone=contact.phone if contact else None, document=document)


@join.get("/join/<string:token>/form")
@public
def invited_form(token: str) -> Response:
    """The form, filled in with what the visit knows; for whoever is signed in, with what is on their own file."""
    invitation, own = _live(token), _signed_in()
    if invitation is None:
        return _gone()
    if own and (memberships.find_membership(own.id) or _returned(queries.find_open(own.id))):
        return redirect(url_for("join.form"))
    worker = own or workers.get_worker(invitation.worker_id)
    form = _form_for(worker, own=bool(own)).suggest(
        worker, queries.county_for(worker.id, invitation), own and queries.find_latest(own.id), own=bool(own)
    )
    return page("members/joining/form.html", form=form, action=url_for("join.apply_invited", token=token))


@join.post("/join/<string:token>/form")
@public
@writes
def apply_invited(token: str) -> Response:
    """Write the application down and send a code: the union sees it when the code came back."""
    invitation, own = _live(token), _signed_in()
    if invitation is None:
        return _gone()
    worker = own or workers.get_worker(invitation.worker_id)
    action = url_for("join.apply_invited", token=token)
    return _apply(worker, _form_for(worker, own=bool(own)), invitation, action)


# --- the signed-in worker ------------------------------------------------------------------------------------------


@join.get("/join/form")
@workers_only
def form() -> Response:
    """The form with everything that is on file; for a returned application, with what was written and why."""
    worker = workers.get_worker(access.actor().id)
    if membership := memberships.find_membership(worker.id):
        return page("members/joining/member.html", membership=membership, home=memberships.find_home(membership.id))
    current = queries.find_open(worker.id)
    if current and current.status is ApplicationStatus.SUBMITTED:
        return redirect(url_for("me.index"))
    last = current or queries.find_latest(worker.id)
    filled = _form_for(worker, own=True).suggest(
        worker, queries.county_for(worker.id, queries.find_live_invitation(worker.id)), last, own=True
    )
    return page("members/joining/form.html", form=filled, action=url_for("join.apply"), returned=_returned(current))


def _returned(application: Application | None) -> Application | None:
    return application if application and application.status is ApplicationStatus.RETURNED else None


@join.post("/join/form")
@workers_only
@writes
def apply() -> Response:
    """Send the application, or the corrected one, to the union."""
    worker = workers.get_worker(access.actor().id)
    form, action, current = _form_for(worker, own=True), url_for("join.apply"), queries.find_open(worker.id)
    if not _returned(current):
        return _apply(worker, form, queries.find_live_invitation(worker.id), action)
    written = form.checked(today=clock.today())
    if written:
        try:
            commands.correct(application=current, written=written, notice_version=NOTICE_VERSION, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("me.index"), text(N_("Sent again. The union looks at it and sends you a message.")))
    return invalid("members/joining/form.html", form=form, action=action, returned=current)


def _apply(worker: Worker, form: JoinForm, invitation: Invitation | None, action: str) -> Response:
    """The shared end of both forms: at once if the signed-in worker's phone answered before, otherwise by code."""
    written = form.checked(today=clock.today())
    if written:
        try:
            application = commands.apply(
                worker=worker,
                written=written,
                invitation=invitation,
                channel=JoinChannel.VISIT if invitation else JoinChannel.PUBLIC,
                notice_version=NOTICE_VERSION,
                by=access.by(),
            )
            known = access.by().id == worker.id and workers.find_phone(worker.id, written.phone)
            if known and known.confirmed_at:
                return _tell(commands.confirm(application=application, by=access.by()))
            return _send_code(application)
        except Refused as refused:
            form.take(refused.problems)
        except worker_commands.Wait as wait:
            form.phone.errors = [words_for(wait.time)]
    return invalid("members/joining/form.html", form=form, action=action, returned=None)


def _send_code(application: Application) -> Response:
    code = worker_commands.send_code(
        phone=application.phone, purpose=PURPOSE, language=i18n.choose(), client=client_address(), by=access.by()
    )
    session[FLOW] = {"application": str(application.id), "code": str(code.id)}
    return done(url_for("join.confirm"))


def _pending() -> Application | None:
    """The application this browser wrote and has not confirmed yet."""
    reference = session.get(FLOW, {}).get("application")
    return queries.find_application(UUID(reference)) if reference else None


@join.get("/join/confirm")
@public
def confirm() -> Response:
    """Ask for the code that went to the phone."""
    application = _pending()
    if application is None or application.status is not ApplicationStatus.UNCONFIRMED:
        return redirect(url_for("join.index"))
    return page("members/joining/confirm.html", form=CodeForm(), phone=mask_phone(application.phone))


@join.post("/join/confirm")
@public
@unkeyed("a code is used once, by whoever is first")
def use_code() -> Response:
    """The right digits confirm the application; only now is said whether somebody is a member already."""
    application = _pending()
    if application is None:
        says = text(N_("That took too long. Please open your invitation again."))
        return done(url_for("join.index"), says, "warning")
    form = CodeForm()
    used = try_code(form, UUID(session[FLOW]["code"]), PURPOSE)
    if used and used.phone == application.phone:
        session.pop(FLOW)
        return _tell(commands.confirm(application=application, by=access.by()))
    return invalid("members/joining/confirm.html", form=form, phone=mask_phone(application.phone))


@join.post("/join/confirm/again")
@public
@unkeyed("within a minute the same phone gets no second code, so a repeat changes nothing")
def send_again() -> Response:
    """A fresh code for the same application."""
    application = _pending()
    if application is None or application.status is not ApplicationStatus.UNCONFIRMED:
        return done(url_for("join.index"))
    try:
        return _send_code(application)
    except worker_commands.Wait as wait:
        form = CodeForm(formdata=None)
        form.code.errors = [words_for(wait.time)]
        return invalid("members/joining/confirm.html", form=form, phone=mask_phone(application.phone))


_OUTCOMES: dict[str, tuple[Text, str]] = {
    "submitted": (text(N_("Your application is with the union. A message tells you when it is decided.")), "success"),
    "already_open": (text(N_("An application of yours is already with the union; one is enough.")), "info"),
    "stale": (text(N_("This application was confirmed before, or a newer one took its place.")), "info"),
}


def _tell(outcome: commands.Outcome) -> Response:
    """Say what became of it, and go where the person may see it."""
    here = url_for("me.index") if _signed_in() else url_for("join.index")
    if outcome.kind != "already_member":
        return done(here, *_OUTCOMES[outcome.kind])
    home = memberships.find_home(outcome.membership.id)
    number = outcome.membership.number
    if not outcome.own:  # found by the document alone: enough to recognise one's own number, no more
        number = f"{number[:4]}…{number[-4:]}"
    says = N_("You are a member already: number %(number)s, home union %(union)s. Nothing new was made.")
    return done(here, text(says, number=number, union=home.name), "info")


# --- the union -----------------------------------------------------------------------------------------------------


def _filters() -> dict[str, Any]:
    """The filters of the query string; without any, those that wait. `all` shows every status."""
    wanted = request.values.get("status", ApplicationStatus.SUBMITTED.value)
    try:
        status = ApplicationStatus(wanted)
    except ValueError:
        status = None
    return {"q": tidy(request.values.get("q")), "status": status}


def waiting(actor) -> tuple[Text, str, int] | None:
    """For the staff home: how many applications wait for this person's decision, counted up to a hundred."""
    if not actor.may(Permission.DECIDE_APPLICATIONS):
        return None
    return text(N_("Applications to join")), url_for("applications.index"), queries.count_waiting(actor=actor)


@applications.get("/applications")
@requires(Permission.VIEW_APPLICATIONS)
def index() -> Response:
    """The queue: who waits, longest first; by filter, everything else."""
    filters = _filters()
    found = queries.list_applications(
        actor=access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after")
    )
    return page("members/joining/applications.html", rows=found, filters=filters, pager=pager(found),
                statuses=ApplicationStatus.choices(), exact=False)  # fmt: skip


@applications.post("/applications/search")
@requires(Permission.VIEW_APPLICATIONS)
@changes_nothing("a phone or document number must not stand in an address")
def search() -> Response:
    """A whole phone or document number finds exactly; anything else is the beginning of a name."""
    form = SearchForm()
    key = form.q.data if form.validate() else None
    if not key or not (is_phone(key) or (is_id_number(key) and any(sign.isdigit() for sign in key))):
        return redirect(url_for("applications.index", q=key, status="all"), 303)
    found = queries.list_by_key(key, actor=access.actor())
    return page("members/joining/applications.html", rows=found, filters={"q": None, "status": None}, pager={},
                statuses=ApplicationStatus.choices(), exact=True)  # fmt: skip


@applications.post("/applications/export")
@requires(Permission.EXPORT_PEOPLE)
@unkeyed("each export is an entry of its own in the trail")
def export() -> Response:
    """The applications that match, as a workbook with masked names."""
    filters, actor = _filters(), access.actor()
    commands.note_export(union_id=actor.unions(Permission.EXPORT_PEOPLE)[0], status=filters["status"],
                         searched=bool(filters["q"]), by=access.by())  # fmt: skip
    return send_workbook(f"{_('Applications')} {clock.today():%Y-%m-%d}", exports.COLUMNS, exports.rows(actor=actor, **filters))


def _show(application: Application, *, status: int = 200, **more: Any) -> Response:
    actor = access.actor()
    scope = {p: actor.may(p) and reaches(actor, p, application.union_id)
             for p in (Permission.REVEAL, Permission.DECIDE_APPLICATIONS)}  # fmt: skip
    person = workers.get_worker(application.worker_id)
    return page(
        "members/joining/application.html", status=status, application=application, name=mask_name(application.name),
        phone=mask_phone(application.phone), id_number=mask_id_number(application.id_number),
        county=queries.county_name(application.work_county_code), home=queries.find_home_union(application.union_id),
        membership=memberships.find_membership(person.id), steps=path(memberships.milestones(application.id)),
        may_reveal=scope[Permission.REVEAL], may_decide=scope[Permission.DECIDE_APPLICATIONS]
        and application.status is ApplicationStatus.SUBMITTED,
        **{"decide_form": DecideForm(formdata=None), "reveal_form": RevealForm(formdata=None), "revealed": None} | more,
    )  # fmt: skip


@applications.get("/applications/<uuid:application_id>")
@requires(Permission.VIEW_APPLICATIONS)
def show(application_id: UUID) -> Response:
    """What was written, the path that led here, and what may be done."""
    return _show(queries.get_application(application_id, actor=access.actor()))


@applications.post("/applications/<uuid:application_id>/reveal")
@requires(Permission.REVEAL)
@unkeyed("each look is an entry of its own in the trail")
def reveal(application_id: UUID) -> Response:
    """The whole phone or document number, this once, with a reason."""
    application = queries.get_application(application_id, actor=access.actor(), permission=Permission.REVEAL)
    form = RevealForm()
    if not form.validate():
        return _show(application, status=422, reveal_form=form)
    value = commands.reveal(application=application, field=form.field.data, reason=form.reason.data, by=access.by())
    return _show(application, revealed=({one.value: one.label for one in form.field.choices}[form.field.data], value))


@applications.post("/applications/<uuid:application_id>/decide")
@requires(Permission.DECIDE_APPLICATIONS)
@writes
def decide(application_id: UUID) -> Response:
    """Approve, return or refuse; of two officers at once one decides and the other is told."""
    actor, form = access.actor(), DecideForm()
    application = queries.get_application(application_id, actor=actor, permission=Permission.DECIDE_APPLICATIONS, lock=True)
    if form.validate():
        decision = ApplicationStatus(form.decision.data)
        try:
            membership = commands.decide(
                application=application,
                decision=decision,
                opinion=form.opinion.data,
                decider=actor.name,
                by=access.by(),
            )
        except Refused as refused:
            form.take(refused.problems)
            form.form_errors.extend(say(problem) for problem in refused.problems if problem.level != "red")
        else:
            says = text(N_("Approved: member number %(number)s."), number=membership.number) if membership else text(
                N_("Noted: %(status)s. The worker gets a message."), status=decision)  # fmt: skip
            return done(url_for("applications.show", application_id=application_id), says)
    return _show(application, status=422, decide_form=form)
