"""HTTP of workers: signing in by one-time code, signing out.

Between the steps the browser holds only a reference to the code's row, signed; never the phone. Every answer up to the
right code is the same for a phone that is known and one that is not.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response, redirect, request, session, url_for
from flask_babel import gettext as _

from portal import access, clock, i18n, sessions
from portal.access import public, workers_only
from portal.members.workers import commands, queries
from portal.members.workers.forms import NOBODY, CodeForm, OccupationForm, PersonForm, SignInForm
from portal.members.workers.models import OneTimeCode, Worker
from portal.members.workers.rules import mask_phone
from portal.retention import NOTICE_VERSION
from portal.types import N_, text
from portal.vocabulary import COUNTER_OCCUPATIONS, Occupation
from portal.web import client_address, done, invalid, page, safe_next, unkeyed

PURPOSE = "sign-in"
FLOW = "sign_in"  # in the signed cookie: {"code": reference, "next": address, "confirmed": bool}
CHOOSING = timedelta(minutes=10)

bp = Blueprint("workers", __name__)


def words_for(wait: timedelta) -> str:
    """How long to wait, in words."""
    seconds = max(1, int(wait.total_seconds()))
    if seconds <= 90:
        return _("A code was asked for just now. Please wait %(seconds)s seconds, then try again.", seconds=seconds)
    return _("There were too many tries. Please wait %(minutes)s minutes, then try again.", minutes=-(-seconds // 60))


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    """Ask for the phone."""
    who = access.actor()
    target = safe_next(request.args.get("next"), "")
    if who and who.kind == "worker":
        return redirect(target or url_for("me.index"))
    return page("members/workers/sign_in.html", form=SignInForm(), target=target)


@bp.post("/sign-in")
@public
@unkeyed("within a minute the same phone gets no second code, so a repeat changes nothing")
def send_code() -> Response:
    """Send a code, whether anybody is known by this phone or not."""
    form, target = SignInForm(), safe_next(request.form.get("next"), "")
    if not form.checked():
        return invalid("members/workers/sign_in.html", form=form, target=target)
    try:
        code = commands.send_code(
            phone=form.phone.data, purpose=PURPOSE, language=i18n.choose(), client=client_address(), by=access.by()
        )
    except commands.Wait as wait:
        form.phone.errors = [words_for(wait.time)]
        return invalid("members/workers/sign_in.html", form=form, target=target)
    session[FLOW] = {"code": str(code.id), "next": target}
    return done(url_for("workers.code"))


def _sent() -> OneTimeCode | None:
    """The code this browser asked for, if it still stands."""
    reference = session.get(FLOW, {}).get("code")
    return queries.find_code(UUID(reference)) if reference else None


def try_code(form: CodeForm, code_id: UUID, purpose: str) -> OneTimeCode | None:
    """The code, now used up, if its digits were typed; otherwise None, and the form says why."""
    if not form.validate():
        return None
    try:
        used = commands.use_code(code_id=code_id, purpose=purpose, digits=form.code.data, client=client_address(), by=access.by())
    except commands.Wait as wait:
        form.code.errors = [words_for(wait.time)]
        return None
    if not used:
        form.code.errors = [_("These digits do not fit, or the code was used or is older than 5 minutes.")]
    return used


@bp.get("/sign-in/code")
@public
def code() -> Response:
    """Ask for the six digits."""
    sent = _sent()
    if not sent:
        return redirect(url_for("workers.sign_in"))
    return page("members/workers/code.html", form=CodeForm(), phone=mask_phone(sent.phone))


@bp.post("/sign-in/code")
@public
@unkeyed("a code is used once, by whoever is first")
def use_code() -> Response:
    """Look at the digits; right ones sign in, or lead to the question who of several it is."""
    sent, form = _sent(), CodeForm()
    if not sent:
        return done(url_for("workers.sign_in"), text(N_("That took too long. Please ask for a new code.")), "warning")
    used = try_code(form, sent.id, PURPOSE)
    if not used:
        return invalid("members/workers/code.html", form=form, phone=mask_phone(sent.phone))
    people = queries.find_by_phone(used.phone)
    if len(people) == 1:
        return _enter(people[0], used)
    session[FLOW] = session[FLOW] | {"confirmed": True}
    return done(url_for("workers.person"))


def _confirmed() -> OneTimeCode | None:
    """The code this browser used a moment ago and has not yet built on."""
    sent = _sent() if session.get(FLOW, {}).get("confirmed") else None
    return sent if sent and sent.used_at and sent.used_at > clock.now() - CHOOSING else None


def _ask_who(phone: str, form: PersonForm | None, status: int = 200) -> Response:
    return page(
        "members/workers/person.html",
        status=status,
        form=form,
        first=COUNTER_OCCUPATIONS[:-1],
        more=[one for one in Occupation if one not in COUNTER_OCCUPATIONS[:-1]],
        phone=mask_phone(phone),
    )


@bp.get("/sign-in/person")
@public
def person() -> Response:
    """Ask who of those who share the phone it is, or what somebody new works as."""
    used = _confirmed()
    if not used:
        return redirect(url_for("workers.sign_in"))
    people = queries.list_masked(queries.find_by_phone(used.phone))
    asked = people and request.args.get("who") != NOBODY
    return _ask_who(used.phone, PersonForm().offer(people) if asked else None)


@bp.post("/sign-in/person")
@public
@unkeyed("what the code proved is built on once")
def choose_person() -> Response:
    """Sign in as the chosen person, or as somebody new with the least that is needed."""
    used = _confirmed()
    if not used:
        return done(url_for("workers.sign_in"), text(N_("That took too long. Please ask for a new code.")), "warning")
    people = queries.find_by_phone(used.phone)
    if "person" in request.form or (people and "occupation" not in request.form):
        form = PersonForm().offer(queries.list_masked(people))
        if not form.validate():
            return _ask_who(used.phone, form, 422)
        if form.person.data == NOBODY:
            return done(url_for("workers.person", who=NOBODY))
        return _enter(next(one for one in people if str(one.id) == form.person.data), used)
    form = OccupationForm()
    if not form.validate():
        return _ask_who(used.phone, None, 422)
    return _enter(None, used, Occupation(form.occupation.data))


def _enter(worker: Worker | None, used: OneTimeCode, occupation: Occupation | None = None) -> Response:
    """Open the session; of two requests that build on one code the second is too late."""
    phone, target = used.phone, session.get(FLOW, {}).get("next")
    worker = commands.enter(
        code=used,
        worker=worker,
        phone=phone,
        occupation=occupation,
        notice_version=NOTICE_VERSION,
        by=access.by(),
    )
    if worker is None:
        return done(url_for("workers.sign_in"))
    sessions.open_session("worker", worker.id)
    return done(safe_next(target, url_for("me.index")))


@bp.post("/sign-out")
@workers_only
@unkeyed("a session ends once")
def sign_out() -> Response:
    """End this session; the row is over, whatever cookie is kept."""
    sessions.close_session(access.actor().session_id)
    return done(url_for("home.index"), text(N_("You are signed out.")))
