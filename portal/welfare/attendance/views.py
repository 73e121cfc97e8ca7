"""HTTP of a session's list for staff: who is booked, adding somebody, checking in, sheet, message, calling it off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.i18n import day as in_words
from portal.i18n import say
from portal.members.workers import queries as workers
from portal.types import N_, Problem, Refused, text
from portal.vocabulary import Occupation
from portal.web import changes_nothing, done, invalid, page, pager, send_workbook, unkeyed, writes
from portal.welfare.attendance import commands, exports, forms, queries, rules
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings import queries as booking_queries
from portal.welfare.bookings.models import ALIVE, BookedBy, Booking, BookingStatus
from portal.welfare.bookings.views import days_of
from portal.welfare.programmes import views as programme_views
from portal.welfare.programmes.models import Programme, Way
from portal.welfare.sessions import queries as sessions
from portal.welfare.sessions import views as session_views
from portal.welfare.sessions.models import ServiceSession, SessionStatus

bp = Blueprint("attendance", __name__)

MANAGE = Permission.MANAGE_BOOKINGS


def _session(session_id: UUID, permission: Permission = MANAGE) -> ServiceSession:
    return sessions.get_session(session_id, access.actor(), permission)


def _title(session: ServiceSession) -> str:
    return f"{in_words(session.starts_at)} {session.starts_at.astimezone(clock.SHANGHAI):%H:%M}"


def _list(session: ServiceSession, draw: Any = page, **more: Any) -> Response:
    """The list, with whatever one of its forms has to say."""
    part = request.args.get("part", "booked")
    part = part if part in queries.PARTS else "booked"
    seats = queries.list_seats(session.id, part, before=request.args.get("before"), after=request.args.get("after"))
    online, on_site = sessions.count_free(session.id)
    is_today = clock.business_day(session.starts_at) == clock.today()
    context = {"form": forms.KeyForm(formdata=None), "found": None, "problems": [], "newcomer": None} | more
    return draw(
        "welfare/attendance/index.html", fragments=("seats",), session=session, title=_title(session), part=part, seats=seats,
        programme=queries.programme_of(session), counts=queries.count_parts(session.id), pager=pager(seats),
        free=online + on_site, is_over=session.ends_at < clock.now(), is_off=session.status is SessionStatus.CANCELLED,
        is_today=is_today, may_export=access.actor().may(Permission.EXPORT_PEOPLE),
        to_take=rules.to_take(kept=session.online < session.capacity, online=online, on_site=on_site, is_today=is_today),
        **context,
    )  # fmt: skip


@bp.get("/sessions/<uuid:session_id>/bookings")
@requires(MANAGE)
def index(session_id: UUID) -> Response:
    """Who is booked, came, waits or gave up."""
    return _list(_session(session_id))


@bp.post("/sessions/<uuid:session_id>/bookings/find")
@requires(MANAGE)
@changes_nothing("a phone or ID number is typed here and must not stand in an address")
def find(session_id: UUID) -> Response:
    """Search first: whoever a whole key finds, and whether they are in the list. Nothing is made by this."""
    session, form = _session(session_id), forms.KeyForm()
    if not form.validate():
        return _list(session, invalid, form=form)
    found = workers.find_by_key(form.who.data)
    # Of a number that was silent for long nothing may show here: the card or the ID number says who it is.
    people = [one for one in workers.list_masked(found.workers) if one.id not in found.doubts]
    known = [(one, queries.find_in(session.id, one.id)) for one in people]
    newcomer = None
    if found.kind == "phone" and not found.workers:  # what stood there already is kept: Enter in that form only looks again
        newcomer = (
            forms.NewPersonForm() if "occupation" in request.form else forms.NewPersonForm(formdata=None, who=form.who.data)
        )
    return _list(session, form=form, found=known, newcomer=newcomer, silent=bool(found.doubts))


def _added(session: ServiceSession, booking: Booking) -> Response:
    person = queries.person_of(booking)
    here = url_for("attendance.index", session_id=session.id)
    if booking.status is BookingStatus.WAITING:
        place = booking_queries.place_in_line(booking)
        says = text(N_("%(name)s is number %(place)s on the waiting list."), name=person.name or person.occupation, place=place)
        return done(url_for("attendance.index", session_id=session.id, part="waiting"), says)
    return done(here, text(N_("Booked for %(name)s."), name=person.name or person.occupation))


@bp.post("/sessions/<uuid:session_id>/bookings")
@requires(MANAGE)
@writes
def add(session_id: UUID) -> Response:
    """Book for somebody who was found."""
    session, form = _session(session_id), forms.AddForm()
    worker = workers.find_worker(who) if (who := forms.read_id(form.worker.data)) else None
    if worker is None:
        return _list(session, invalid, problems=[Problem("nobody", text(N_("Please look for the person first.")))])
    try:
        booking = bookings.book_place(session_id=session.id, worker_id=worker.id, way=BookedBy.STAFF,
                                      wait=form.do.data == "wait", any_place=form.do.data == "any", by=access.by())  # fmt: skip
    except Refused as refused:
        one = workers.masked(worker)
        return _list(session, invalid, found=[(one, queries.find_in(session.id, one.id))], problems=refused.problems)
    return _added(session, booking)


@bp.post("/sessions/<uuid:session_id>/bookings/new-person")
@requires(MANAGE)
@writes
def add_newcomer(session_id: UUID) -> Response:
    """Book for somebody nobody knew: phone and occupation are enough."""
    session, form = _session(session_id), forms.NewPersonForm()
    if form.validate():
        try:
            booking = commands.book_newcomer(
                session=session, phone=form.who.data, occupation=Occupation(form.occupation.data), name=form.name.data,
                do=form.do.data, by=access.by(),
            )  # fmt: skip
            return _added(session, booking)
        except Refused as refused:
            form.take(refused.problems)
    return _list(session, invalid, newcomer=form)


@bp.post("/sessions/<uuid:session_id>/bookings/export")
@requires(Permission.EXPORT_PEOPLE)
@unkeyed("each export is an entry of its own in the trail")
def export(session_id: UUID) -> Response:
    """The list as a workbook with masked names."""
    session = _session(session_id, Permission.EXPORT_PEOPLE)
    commands.note_export(session=session, by=access.by())
    name = f"{_('Bookings')} {session.starts_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H%M}"
    return send_workbook(name, exports.COLUMNS, exports.rows(session.id))


# --- one booking ---------------------------------------------------------------------------------------------------


def _booking_page(booking: Booking, session: ServiceSession, draw: Any = page, **more: Any) -> Response:
    waiting = booking.status is BookingStatus.WAITING
    context = {"form": forms.ReasonForm(formdata=None), "problems": []} | more
    return draw(
        "welfare/attendance/show.html", booking=booking, session=session, title=_title(session),
        person=queries.person_of(booking), programme=queries.programme_of(session),
        position=booking_queries.place_in_line(booking) if waiting else None, is_alive=booking.status in ALIVE, **context,
    )  # fmt: skip


@bp.get("/bookings/<uuid:booking_id>")
@requires(MANAGE)
def show(booking_id: UUID) -> Response:
    """One booking with everything that can be done about it."""
    return _booking_page(*queries.get_booking(booking_id, access.actor(), MANAGE))


def _name(booking: Booking) -> Any:
    person = queries.person_of(booking)
    return person.name or person.occupation


def _act(booking_id: UUID, act: Callable[[Booking], Any], says: str) -> Response:
    """One tap about one booking: back to the list with what is true now, or the booking's page with the reason."""
    booking, session = queries.get_booking(booking_id, access.actor(), MANAGE)
    try:
        act(booking)
    except Refused as refused:
        return _booking_page(booking, session, invalid, problems=refused.problems)
    return done(url_for("attendance.index", session_id=session.id), text(says, name=_name(booking)))


@bp.post("/bookings/<uuid:booking_id>/check-in")
@requires(MANAGE)
@writes
def check_in(booking_id: UUID) -> Response:
    """They are here."""
    return _act(booking_id, lambda booking: bookings.check_in(booking=booking, by=access.by()), N_("%(name)s is here."))


@bp.post("/bookings/<uuid:booking_id>/undo")
@requires(MANAGE)
@writes
def undo(booking_id: UUID) -> Response:
    """Take back a check-in, or a cancelling if the place is still free."""

    def back(booking: Booking) -> None:
        was_cancelled = booking.status is BookingStatus.CANCELLED
        (bookings.uncancel_booking if was_cancelled else bookings.undo_check_in)(booking=booking, by=access.by())

    return _act(booking_id, back, N_("Taken back: %(name)s."))


@bp.post("/bookings/<uuid:booking_id>/no-show")
@requires(MANAGE)
@writes
def no_show(booking_id: UUID) -> Response:
    """They did not come; the place is free again."""
    says = N_("Noted: %(name)s did not come.")
    return _act(booking_id, lambda booking: bookings.mark_no_show(booking=booking, by=access.by()), says)


@bp.post("/bookings/<uuid:booking_id>/cancel")
@requires(MANAGE)
@writes
def cancel(booking_id: UUID) -> Response:
    """Cancel for somebody, with a reason they read."""
    booking, session = queries.get_booking(booking_id, access.actor(), MANAGE)
    form = forms.ReasonForm()
    if form.validate():
        try:
            bookings.cancel_booking(booking=booking, reason=form.reason.data, force=True, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Cancelled: %(name)s. They hear of it by message."), name=_name(booking))
            return done(url_for("attendance.index", session_id=session.id), says)
    return _booking_page(booking, session, invalid, form=form)


@bp.get("/bookings/<uuid:booking_id>/move")
@requires(MANAGE)
def move(booking_id: UUID) -> Response:
    """Choose another time for somebody."""
    return _move_page(*queries.get_booking(booking_id, access.actor(), MANAGE))


def _move_page(booking: Booking, session: ServiceSession, problems: list[Problem] | None = None) -> Response:
    rows = [row for row in sessions.list_bookable(session.programme_id, now=clock.now()) if row.session.id != session.id]
    rows = [row for row in rows if row.free_online + row.free_on_site]
    draw = invalid if problems else page
    return draw("welfare/attendance/move.html", booking=booking, session=session, title=_title(session), rows=rows[:200],
                person=queries.person_of(booking), programme=queries.programme_of(session), problems=problems)  # fmt: skip


@bp.post("/bookings/<uuid:booking_id>/move")
@requires(MANAGE)
@writes
def move_to(booking_id: UUID) -> Response:
    """Move it; the old place is given up only when the other one is theirs."""
    booking, session = queries.get_booking(booking_id, access.actor(), MANAGE)
    target = forms.read_id(request.form.get("session"))
    if target is None:
        return _move_page(booking, session, [Problem("no_time", text(N_("Please choose a time.")))])
    try:
        moved = bookings.move_booking(booking=booking, to_session_id=target, any_place=True, by=access.by())
    except Refused as refused:
        return _move_page(booking, session, refused.problems)
    says = text(N_("Moved: %(name)s. They hear of it by message."), name=_name(moved))
    return done(url_for("attendance.index", session_id=moved.session_id), says)


@bp.post("/sessions/<uuid:session_id>/promote")
@requires(MANAGE)
@writes
def promote(session_id: UUID) -> Response:
    """Offer what is free to the next in the waiting list, now."""
    session = _session(session_id)
    bookings.promote(session_id=session.id, by=access.by())
    here = url_for("attendance.index", session_id=session.id)
    return done(here, text(N_("What is free was offered to the next in the waiting list.")))


# --- the sheet on paper --------------------------------------------------------------------------------------------


@bp.get("/sessions/<uuid:session_id>/sheet")
@requires(MANAGE)
def sheet(session_id: UUID) -> Response:
    """The list on A4, with empty lines for whoever comes without a booking."""
    session = _session(session_id)
    return page("welfare/attendance/sheet.html", session=session, title=_title(session), seats=queries.list_on_paper(session.id),
                programme=queries.programme_of(session), extra=range(1, rules.EXTRA_ROWS + 1))  # fmt: skip


@bp.get("/sessions/<uuid:session_id>/sheet/enter")
@requires(MANAGE)
def sheet_form(session_id: UUID) -> Response:
    """The same list to tick afterwards."""
    return _sheet_form(_session(session_id), forms.Sheet.read([], {}), [])


def _sheet_form(session: ServiceSession, filled: forms.Sheet, problems: list[Problem]) -> Response:
    draw = invalid if problems else page
    return draw("welfare/attendance/enter.html", session=session, title=_title(session), filled=filled, problems=problems,
                seats=queries.list_on_paper(session.id), programme=queries.programme_of(session))  # fmt: skip


@bp.post("/sessions/<uuid:session_id>/sheet/enter")
@requires(MANAGE)
@writes
def enter_sheet(session_id: UUID) -> Response:
    """Record who came by the sheet; what cannot become a place is said row by row."""
    session = _session(session_id)
    filled = forms.Sheet.read(request.form.getlist("came"), request.form)
    off, something = session.status is SessionStatus.CANCELLED, bool(filled.ticked or filled.rows)
    if problems := rules.problems_with_sheet(starts_at=session.starts_at, now=clock.now(), off=off, filled=something):
        return _sheet_form(session, filled, problems)
    entered = commands.enter_sheet(session=session, ticked=filled.ticked, rows=filled.rows, by=access.by())
    for says, kind in rules.summary(entered.came, entered.left):
        flash(say(says), kind)
    return done(url_for("attendance.index", session_id=session.id, part="came"))


# --- all of them ---------------------------------------------------------------------------------------------------


def _message_page(session: ServiceSession, form: forms.MessageForm, looked: Any = None) -> Response:
    draw = invalid if request.method == "POST" else page
    return draw("welfare/attendance/message.html", session=session, title=_title(session), form=form, looked=looked,
                booked=queries.count_parts(session.id)["booked"], count=queries.count_reached(session.id),
                programme=queries.programme_of(session), most=rules.MESSAGE)  # fmt: skip


@bp.get("/sessions/<uuid:session_id>/message")
@requires(MANAGE)
def message(session_id: UUID) -> Response:
    """Write to everybody who is booked; says how many that are."""
    return _message_page(_session(session_id), forms.MessageForm(formdata=None))


@bp.post("/sessions/<uuid:session_id>/message")
@requires(MANAGE)
@writes
def send_message(session_id: UUID) -> Response:
    """Show it as they will read it, in how many parts; then send it."""
    session, form = _session(session_id), forms.MessageForm()
    if form.validate() and form.take(rules.problems_with_message(form.text.data)):
        if form.sure.data != "yes":
            return _message_page(session, form, queries.look_at(session, form.text.data) if form.sure.data != "edit" else None)
        try:
            sent, here = bookings.message_all(session=session, text=form.text.data, by=access.by()), "attendance.index"
            return done(url_for(here, session_id=session.id), text(N_("On its way to %(count)s people."), count=sent))
        except Refused as refused:
            form.take(refused.problems)
    return _message_page(session, form)


def _off_page(session: ServiceSession, form: forms.ReasonForm) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/attendance/off.html", session=session, title=_title(session), form=form,
                counts=queries.count_parts(session.id), programme=queries.programme_of(session))  # fmt: skip


@bp.get("/sessions/<uuid:session_id>/call-off")
@requires(MANAGE)
def call_off_form(session_id: UUID) -> Response:
    """Ask why, and say how many will be told."""
    return _off_page(_session(session_id), forms.ReasonForm(formdata=None))


@bp.post("/sessions/<uuid:session_id>/call-off")
@requires(MANAGE)
@writes
def call_off(session_id: UUID) -> Response:
    """Call the session off: everybody is freed and told."""
    session, form = _session(session_id), forms.ReasonForm()
    if form.validate():
        try:
            counts = queries.count_parts(session.id)
            bookings.cancel_session(session=session, reason=form.reason.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Called off. %(count)s people hear of it by message."), count=counts["booked"] + counts["waiting"])
            return done(url_for("attendance.index", session_id=session.id, part="gone"), says)
    return _off_page(session, form)


# --- from the programme's page, and from the session's -------------------------------------------------------------


@bp.get("/programmes/<string:programme>/book")
@requires(MANAGE)
def choose(programme: str) -> Response:
    """Book for somebody who calls or stands here: first the time, then the person."""
    found, rows = queries.list_to_book(programme, access.actor(), MANAGE)
    days = days_of(rows, lambda row: url_for("attendance.index", session_id=row.session.id) + "#add", on_site=True)
    return page("welfare/attendance/choose.html", programme=found, days=days)


def programme_section(programme: Programme) -> dict[str, Any] | None:
    """The way to book for somebody, on a programme's page."""
    who = access.actor()
    if Way.BOOK.value not in programme.ways or not (who and who.may(MANAGE)):
        return None
    return {"title": text(N_("Book for somebody")), "url": url_for("attendance.choose", programme=programme.code),
            "text": text(N_("Choose the time, then the person by phone, ID number or card."))}  # fmt: skip


def session_section(session: ServiceSession) -> dict[str, Any] | None:
    """The list of a session, on its page."""
    who = access.actor()
    if not (who and who.may(MANAGE)):
        return None
    counts = queries.count_parts(session.id)
    says = text(N_("%(booked)s booked, %(waiting)s waiting, %(came)s came"), booked=counts["booked"],
                waiting=counts["waiting"], came=counts["came"])  # fmt: skip
    return {"title": text(N_("Who is booked")), "url": url_for("attendance.index", session_id=session.id), "text": says}


def cause(ident: str) -> tuple[str, Any] | None:
    """A booking as the ledger shows it: its page for who keeps bookings, otherwise its session, which names nobody."""
    name, session_id = queries.cause_page(ident)
    if access.actor().may(MANAGE):
        return (url_for("attendance.show", booking_id=ident), name) if name else None
    return (url_for("sessions.show", session_id=session_id), name) if name else None


programme_views.sections.append(programme_section)
session_views.sections.append(session_section)
