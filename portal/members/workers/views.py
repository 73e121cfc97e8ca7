"""HTTP of workers: signing in by one-time code, signing out, and printed cards for staff.

Between the steps the browser holds only a reference to the code's row, signed; never the phone. Every answer up to the
right code is the same for a phone that is known and one that is not.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import segno
from flask import Blueprint, Response, redirect, request, session, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal import access, clock, i18n, sessions
from portal.access import Permission, public, requires, workers_only
from portal.members.workers import commands, queries
from portal.members.workers.forms import NOBODY, CodeForm, OccupationForm, PersonForm, SignInForm
from portal.members.workers.models import OneTimeCode, Worker
from portal.members.workers.rules import in_groups, mask_phone
from portal.retention import NOTICE_VERSION
from portal.types import N_, Refused, text
from portal.vocabulary import COUNTER_OCCUPATIONS, Occupation
from portal.web import client_address, done, invalid, page, safe_next, unkeyed

PURPOSE = "sign-in"
FLOW = "sign_in"  # in the signed cookie: {"code": reference, "next": address, "confirmed": bool}
CHOOSING = timedelta(minutes=10)

bp = Blueprint("workers", __name__)


def picture(code: str) -> Markup:
    """A code as a QR picture, drawn as SVG."""
    return Markup(segno.make(code, error="m", micro=False).svg_inline(omitsize=True, border=2))  # noqa: S704 - drawn by segno


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
    found = queries.find_on_phone(used.phone)
    if len(found.workers) == 1 and not found.doubts:
        return _enter(found.workers[0], used)
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


def _person_form(found: queries.Found) -> PersonForm:
    """Whom to choose from; those whose number was silent for long show nothing."""
    shown = {one.id: one for one in queries.list_masked(found.workers)}
    asked = {one.id: queries.asked_for(one) for one in found.workers if one.id in found.doubts}
    # Without a name on record nothing can be asked, so nobody can say it is them.
    silent = [shown[ident] for ident, what in asked.items() if what != "nothing"]
    known = [shown[one.id] for one in found.workers if one.id not in found.doubts]
    return PersonForm().offer(known, silent, set(asked.values()))


@bp.get("/sign-in/person")
@public
def person() -> Response:
    """Ask who of those who share the phone it is, or what somebody new works as."""
    used = _confirmed()
    if not used:
        return redirect(url_for("workers.sign_in"))
    form = _person_form(queries.find_on_phone(used.phone))
    asked = len(form.person.choices) > 1 and request.args.get("who") != NOBODY
    return _ask_who(used.phone, form if asked else None)


@bp.post("/sign-in/person")
@public
@unkeyed("what the code proved is built on once")
def choose_person() -> Response:
    """Sign in as the chosen person, or as somebody new with the least that is needed."""
    used = _confirmed()
    if not used:
        return done(url_for("workers.sign_in"), text(N_("That took too long. Please ask for a new code.")), "warning")
    found = queries.find_on_phone(used.phone)
    form = _person_form(found)
    if "person" in request.form or (len(form.person.choices) > 1 and "occupation" not in request.form):
        if not form.validate():
            return _ask_who(used.phone, form, 422)
        if form.person.data == NOBODY:
            return done(url_for("workers.person", who=NOBODY))
        worker = next(one for one in found.workers if str(one.id) == form.person.data)
        if worker.id in found.doubts and not _is_still(worker, used.phone, form):
            return _ask_who(used.phone, form, 422)
        return _enter(worker, used)
    form = OccupationForm()
    if not form.validate():
        return _ask_who(used.phone, None, 422)
    return _enter(None, used, Occupation(form.occupation.data))


def _is_still(worker: Worker, phone: str, form: PersonForm) -> bool:
    """Whether somebody on a number that was silent for long said what is on record; if not, the form says why."""
    try:
        commands.confirm_contact(
            worker=worker, phone=phone, surname=form.said("surname"), id_tail=form.said("id_tail"),
            occupation=form.occupation, by=access.by(),
        )  # fmt: skip
    except Refused as refused:
        # What to do stands in other words here than at the desk: there is nobody who could treat them as new.
        form.take(refused.problems[:1])
        form.person.errors = [*form.person.errors, _("If it does not fit, choose the last one: you start afresh at once.")]
        return False
    return True


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


# --- printed cards, for staff --------------------------------------------------------------------------------------


def sheet_of_cards(here: str, *, back: str) -> Response:
    """The printed cards that one issued oneself today, several to a sheet, as cards or as stickers for a helmet."""
    size = "sticker" if request.args.get("size") == "sticker" else "card"
    issued = queries.list_issued(access.actor().id, clock.start_of(clock.today()))
    drawn = [(card, person, picture(card.code), in_groups(card.code)) for card, person in issued]
    return page("members/workers/cards.html", cards=drawn, size=size, here=here, back_url=back)


@bp.get("/workers/cards")
@requires(Permission.STAFF_HOME)
def cards() -> Response:
    """For who issues cards away from a counter, to members without signal."""
    return sheet_of_cards(url_for("workers.cards"), back=url_for("staff.home"))


@bp.post("/sign-out")
@workers_only
@unkeyed("a session ends once")
def sign_out() -> Response:
    """End this session; the row is over, whatever cookie is kept."""
    sessions.close_session(access.actor().session_id)
    return done(url_for("home.index"), text(N_("You are signed out.")))
