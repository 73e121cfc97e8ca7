"""HTTP of bookings for workers: choose a time, book it, see it, move it, give it up, take an offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from babel.dates import format_skeleton
from flask import Blueprint, Response, abort, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from portal import access, clock
from portal.access import public, workers_only
from portal.members.workers.queries import same_person
from portal.members.workers.views import picture
from portal.types import N_, Problem, Refused, Text, text
from portal.web import done, invalid, page, pager, safe_next, writes
from portal.welfare.bookings import commands, exports, queries, rules
from portal.welfare.bookings.forms import BookPlaceForm, CancelForm, read_day, read_id, read_place
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes import rules as programme_rules
from portal.welfare.programmes import views as programme_views
from portal.welfare.programmes.models import Programme, Way
from portal.welfare.sessions import queries as sessions
from portal.welfare.sessions.models import ServiceSession, SessionStatus
from portal.welfare.sessions.queries import SessionRow

bp = Blueprint("bookings", __name__)

WINDOW = 14  # days shown at once
TEASER = 3  # of them on the programme's own page
NEAREST = 3
MOST_TIMES = 300  # shown before a place is asked for
OF_THE_DAY = {"next_day_only", "same_day_only", "too_far", "past", "begun", "session_cancelled"}  # another time has none of them


# --- days and times ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Time:
    """A time to choose: what is free in it, and where choosing it leads."""

    at: datetime
    until: datetime
    free: int
    waiting: int
    url: str | None
    chosen: bool
    title: str


@dataclass
class Day:
    """A day with its times by place; the first with something free stands open."""

    on: date
    title: str
    problem: Problem | None = None
    is_open: bool = False
    times: dict[str, list[Time]] = field(default_factory=dict)

    @property
    def places(self) -> list[tuple[str, list[Time]]]:
        """The times by place, the places by name."""
        return sorted(self.times.items())

    @property
    def free(self) -> int:
        """All that is free on the day."""
        return sum(time.free for times in self.times.values() for time in times)


def title_of(on: date) -> str:
    """A day with its weekday: 今天 · 11月22日周日."""
    said = format_skeleton("MMMEd", on, locale=get_locale())
    near = {clock.today(): _("Today"), clock.today() + timedelta(days=1): _("Tomorrow")}.get(on)
    return f"{near} · {said}" if near else said


def days_of(
    rows: Sequence[SessionRow], url_of: Callable[[SessionRow], str], *, chosen: UUID | None = None, on_site: bool = False,
    problem_of: Callable[[date], Problem | None] | None = None,
) -> list[Day]:  # fmt: skip
    """Sessions grouped by day and place. ``on_site``: staff may take those places, too. A day with a problem has no links."""
    days: dict[date, Day] = {}
    for row in rows:
        session, on = row.session, clock.business_day(row.session.starts_at)
        if on not in days:
            days[on] = Day(on, title_of(on), problem_of(on) if problem_of else None)
        day = days[on]
        free, url = row.free if on_site else row.free_online, None if day.problem else url_of(row)
        time = Time(session.starts_at, session.ends_at, free, row.waiting, url, session.id == chosen, day.title)
        day.times.setdefault(session.place_name, []).append(time)
    first = next((day for day in days.values() if day.free and not day.problem), next(iter(days.values()), None))
    if first:
        first.is_open = True
    return list(days.values())


def _span(programme: Programme) -> tuple[date, date]:
    """The first and the last day that can be booked today."""
    begins, ends = programme_rules.bookable_days(programme, clock.today())
    return max(begins, programme.starts_on), min(ends, programme.ends_on)


def _bookable(programme: Programme, first: date | None, days: int) -> tuple[list[SessionRow], date, date, Problem | None]:
    """What can be booked from a day on: rows, the first and last day asked, and why nothing can be booked now."""
    now, (begins, ends) = clock.now(), _span(programme)
    first = min(max(first or begins, begins), max(ends, begins))
    last = min(first + timedelta(days=days - 1), ends)
    problem = next(iter(programme_rules.problems_with_booking(programme, first, now)), None)
    rows = sessions.list_bookable(programme.id, now=now, first=first, last=last) if last >= first else []
    return rows, first, last, problem


def offered(programme: Programme) -> tuple[str, dict[str, Any]] | None:
    """The times on a programme's public page: one tap on a time leads to its confirmation."""
    if Way.BOOK.value not in programme.ways:
        return None
    rows, _first, last, problem = _bookable(programme, None, WINDOW)
    to = url_for("bookings.choose", programme=programme.code)
    days = days_of(rows[:MOST_TIMES], lambda row: f"{to}?session={row.session.id}", problem_of=lambda on: problem)
    more = len(days) > TEASER or len(rows) > MOST_TIMES or last < _span(programme)[1]
    held = queries.list_held(programme.id, _worker_id())
    if held and rows and _judged(programme, rows[0].session, None)[0]:
        days, more = [], True  # times that would be refused are left to the page of all of them
    return "welfare/bookings/offered.html", {"days": days[:TEASER], "problem": problem, "more_url": to if more else None,
                                             "held": held}  # fmt: skip


def _worker_id() -> UUID | None:
    who = access.actor()
    return who.id if who and who.kind == "worker" else None


def _chosen(programme: Programme, session_id: UUID | None) -> SessionRow | None:
    """The chosen time with what is free, if it is one of this programme."""
    session = sessions.find_session(session_id) if session_id else None
    if session is None or session.programme_id != programme.id:
        return None
    return sessions.row_of(session.id)


def _judged(
    programme: Programme, session: ServiceSession, without: UUID | None
) -> tuple[list[Problem], list[Problem], date | None]:
    """Before they tap: what refuses, what they should know, and from which day on it is possible."""
    on = clock.business_day(session.starts_at)
    red = list(programme_rules.problems_with_booking(programme, on, clock.now()))
    red += rules.problems_with_session(session, BookedBy.WORKER, clock.now())
    worker_id, rule = _worker_id(), eligibility.find_rule(programme.id)
    if worker_id is None or rule is None or red:
        return red, [], None
    judged = eligibility.judge(rule=rule, worker_id=worker_id, item_id=programme.item_id, programme_id=programme.id, on=on,
                               without_booking=without)  # fmt: skip
    refused = rules.red(judged.problems)
    return refused, [one for one in judged.problems if one not in refused], judged.next_on


def _choose(
    programme: Programme, chosen: SessionRow | None, *, refused: list[Problem] | None = None, moving: Booking | None = None
) -> Response:
    """The page of times, with the chosen one to confirm; after a refusal with the reason and the nearest free times."""
    here = url_for("bookings.move", booking_id=moving.id) if moving else url_for("bookings.choose", programme=programme.code)
    back = url_for("bookings.show", booking_id=moving.id) if moving else url_for("programmes.offer", programme=programme.code)
    first, place = read_day(request.values.get("from")), read_place(request.args)
    rows, first, last, opens = _bookable(programme, first, WINDOW)
    places = sorted({row.session.place_name for row in rows})
    shown = [row for row in rows if row.session.place_name == place] if place in places else rows
    ask = len(shown) > MOST_TIMES
    problems, notes, next_on = list(refused or []), [], None
    mine = _mine_in(chosen)
    if chosen and not mine:
        red, notes, next_on = _judged(programme, chosen.session, moving.id if moving else None)
        problems += [one for one in red if one.code not in {known.code for known in problems}]
    blocked = [one for one in problems if one.code not in ("full", "no_time")]
    link = lambda row: f"{here}?session={row.session.id}"  # noqa: E731 - one line, three uses
    free, draw = chosen.free_online if chosen else 0, invalid if refused else page
    return draw(
        "welfare/bookings/book.html", programme=programme, item=programmes.item_of(programme), here=here, action=here,
        days=[] if ask else days_of(shown, link, chosen=chosen.session.id if chosen else None, problem_of=lambda on: opens),
        opens=text(N_("There are many times; choose a place first.")) if ask else opens, places=[(name, name) for name in places],
        place=place, chosen=chosen.session if chosen else None, free=free,
        chosen_day=title_of(clock.business_day(chosen.session.starts_at)) if chosen else "", problems=problems, notes=notes,
        keeps=chosen and rules.cancel_until(chosen.session.starts_at, programme.cancel_hours) < clock.now(),
        held=[] if chosen or moving else queries.list_held(programme.id, _worker_id()),
        waiting=chosen.waiting if chosen else 0, next_on=next_on, mine=mine, refused=bool(blocked), signed=bool(_worker_id()),
        sign_in_url=url_for("workers.sign_in", next=link(chosen)) if chosen else "", moving=_moving_from(moving),
        next_said=any(next_on in one.says.values.values() for one in problems), back_url=back,
        nearest=_nearest(rows, chosen, link, blocked, next_on) if chosen and not mine and (problems or not free) else [],
        **_turning(here, programme, first, last, place),
    )  # fmt: skip


def _mine_in(chosen: SessionRow | None) -> UUID | None:
    """The worker's own live booking in the chosen time."""
    worker_id = _worker_id()
    found = queries.find_alive(chosen.session.id, same_person(worker_id)) if chosen and worker_id else None
    return found.id if found else None


def _moving_from(moving: Booking | None) -> ServiceSession | None:
    return sessions.find_session(moving.session_id) if moving else None


def _nearest(
    rows: Sequence[SessionRow], chosen: SessionRow, link: Callable, blocked: list[Problem], next_on: date | None
) -> list[Time]:
    """The free times nearest to the one that was wanted; none that the same reason would refuse."""
    free = [row for row in rows if row.free_online and row.session.id != chosen.session.id]
    if any(one.code not in OF_THE_DAY for one in blocked):
        free = [row for row in free if next_on and clock.business_day(row.session.starts_at) >= next_on]
    free.sort(key=lambda row: (abs(row.session.starts_at - chosen.session.starts_at), row.session.starts_at, row.session.id))
    return [
        Time(row.session.starts_at, row.session.ends_at, row.free_online, row.waiting, link(row), False,
             title_of(clock.business_day(row.session.starts_at)))
        for row in free[:NEAREST]
    ]  # fmt: skip


def _turning(here: str, programme: Programme, first: date, last: date, place: str | None) -> dict[str, str | None]:
    """The addresses of the days before and after."""
    begins, ends = _span(programme)

    def to(on: date) -> str:
        return f"{here}?{urlencode({'from': on.isoformat(), 'place': place or ''})}"

    earlier = to(max(begins, first - timedelta(days=WINDOW))) if first > begins else None
    return {"earlier_url": earlier, "later_url": to(last + timedelta(days=1)) if last < ends else None}


# --- booking -------------------------------------------------------------------------------------------------------


@bp.get("/welfare/<string:programme>/book")
@public
def choose(programme: str) -> Response:
    """Days and times with what is free; with a time chosen, its confirmation."""
    found = programmes.find_public(programme).programme
    wanted = read_id(request.args.get("session"))
    chosen = _chosen(found, wanted)
    if wanted and not chosen:
        abort(404)
    return _choose(found, chosen)


@bp.post("/welfare/<string:programme>/book")
@public
@writes
def book(programme: str) -> Response:
    """Book the chosen time, or join its waiting list. Who is not signed in signs in first and comes back to this time."""
    found = programmes.find_public(programme).programme
    form = BookPlaceForm()
    chosen = _chosen(found, form.session_id)
    if chosen is None:
        return _choose(found, None, refused=[Problem("no_time", text(N_("Please choose a time.")))])
    worker_id = _worker_id()
    if worker_id is None:
        back = f"{url_for('bookings.choose', programme=found.code)}?session={chosen.session.id}"
        return done(url_for("workers.sign_in", next=safe_next(back, "")))
    try:
        booking = commands.book_place(session_id=chosen.session.id, worker_id=worker_id, way=BookedBy.WORKER,
                                      wait=bool(form.wait.data), by=access.by())  # fmt: skip
    except Refused as refused:
        return _choose(found, _chosen(found, form.session_id), refused=refused.problems)
    return _done(booking, _says(booking))


def _done(booking: Booking, says: Text) -> Response:
    """On to the booking; an offer that could not be kept says why."""
    here = url_for("bookings.show", booking_id=booking.id)
    if booking.status is BookingStatus.EXPIRED:
        return done(here, text(N_("The place could not be kept for you: %(why)s"), why=booking.reason), "warning")
    return done(here, says)


def _says(booking: Booking) -> Text:
    if booking.status is BookingStatus.WAITING:
        return text(N_("You are number %(place)s on the waiting list."), place=queries.place_in_line(booking))
    return text(N_("The place is yours. Your code stands below."))


# --- my bookings ---------------------------------------------------------------------------------------------------


def _own(booking_id: UUID) -> Booking:
    return queries.get_own(booking_id, _worker_id())


@bp.get("/me/bookings")
@workers_only
def mine() -> Response:
    """Everything one booked, the latest time first."""
    found = queries.list_booked(_worker_id(), before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/bookings/mine.html", found=found, lines=queries.places_in_line(row.booking for row in found),
                pager=pager(found), first=not request.args.get("after"))  # fmt: skip


def _show(booking: Booking, draw: Any = page, form: CancelForm | None = None) -> Response:
    scene, now = queries.scene_of(booking.session_id), clock.now()
    session, programme = scene.session, scene.programme
    is_booked, ahead = booking.status is BookingStatus.BOOKED, session.starts_at > now
    may_cancel = booking.status in (BookingStatus.BOOKED, BookingStatus.WAITING)  # an offer is declined above
    kept = rules.problems_with_cancelling(booking.status, session.starts_at, programme.cancel_hours, now, by_worker=True)
    code = queries.code_of(booking) if is_booked and now < session.ends_at else None
    return draw(
        "welfare/bookings/show.html", booking=booking, session=session, programme=programme,
        form=form or CancelForm(formdata=None),
        item=programmes.item_of(programme), station=queries.station_of(session),
        code=code, picture=picture(code) if code else None, position=queries.place_in_line(booking),
        day=title_of(clock.business_day(session.starts_at)), ahead=ahead, may_cancel=may_cancel and not kept,
        may_move=is_booked and ahead and not kept and session.status is SessionStatus.OPEN,
        cancel_until=rules.cancel_until(session.starts_at, programme.cancel_hours) if is_booked else None,
    )  # fmt: skip


@bp.get("/me/bookings/<uuid:booking_id>")
@workers_only
def show(booking_id: UUID) -> Response:
    """One booking: when, where, its code, what to bring, and the ways out."""
    return _show(_own(booking_id))


@bp.get("/me/bookings/<uuid:booking_id>/calendar")
@workers_only
def calendar(booking_id: UUID) -> Response:
    """The booking as a calendar entry."""
    booking = _own(booking_id)
    scene = queries.scene_of(booking.session_id)
    item = programmes.item_of(scene.programme)
    note = "\n".join(filter(None, [item.procedure if item else None, _("Your code stands on the page of your booking.")]))
    entry = exports.calendar(booking_id=booking.id, session=scene.session, title=scene.programme.name, note=note,
                             address=url_for("bookings.show", booking_id=booking.id, _external=True))  # fmt: skip
    answer = Response(entry, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = "attachment; filename=booking.ics"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _act(booking_id: UUID, act: Callable[[Booking], Any], then: Callable[[Booking], Response]) -> Response:
    """One tap about one's own booking; refused, its page says why."""
    booking = _own(booking_id)
    try:
        act(booking)
    except Refused as refused:
        form = CancelForm()
        form.take(refused.problems)
        return _show(booking, invalid, form)
    return then(booking)


@bp.post("/me/bookings/<uuid:booking_id>/accept")
@workers_only
@writes
def accept(booking_id: UUID) -> Response:
    """Take the place that was offered."""
    act = lambda booking: commands.accept_offer(booking=booking, by=access.by())  # noqa: E731 - read with the line below
    return _act(booking_id, act, lambda booking: _done(booking, _says(booking)))


@bp.post("/me/bookings/<uuid:booking_id>/decline")
@workers_only
@writes
def decline(booking_id: UUID) -> Response:
    """Leave the offered place to the next one."""
    act = lambda booking: commands.decline_offer(booking=booking, by=access.by())  # noqa: E731 - read with the line below
    return _act(booking_id, act, lambda _: done(url_for("bookings.mine"), text(N_("Thank you. The place goes to the next one."))))


@bp.post("/me/bookings/<uuid:booking_id>/cancel")
@workers_only
@writes
def cancel(booking_id: UUID) -> Response:
    """Give the place up, or leave the waiting list."""
    form = CancelForm()
    if not form.validate():
        return _show(_own(booking_id), invalid, form)
    act = lambda booking: commands.cancel_booking(booking=booking, reason=form.reason.data, by=access.by())  # noqa: E731
    return _act(booking_id, act, lambda _: done(url_for("bookings.mine"), text(N_("Given up. Somebody else is glad of it."))))


@bp.get("/me/bookings/<uuid:booking_id>/move")
@workers_only
def move(booking_id: UUID) -> Response:
    """Choose another time; the old one is kept until then."""
    booking = _own(booking_id)
    programme = programmes.find_programme(booking.programme_id)
    return _choose(programme, _chosen(programme, read_id(request.args.get("session"))), moving=booking)


@bp.post("/me/bookings/<uuid:booking_id>/move")
@workers_only
@writes
def move_to(booking_id: UUID) -> Response:
    """Move to the chosen time."""
    booking, form = _own(booking_id), BookPlaceForm()
    programme = programmes.find_programme(booking.programme_id)
    chosen = _chosen(programme, form.session_id)
    if chosen is None:
        return _choose(programme, None, refused=[Problem("no_time", text(N_("Please choose a time.")))], moving=booking)
    try:
        moved = commands.move_booking(booking=booking, to_session_id=chosen.session.id, by=access.by())
    except Refused as refused:
        return _choose(programme, _chosen(programme, form.session_id), refused=refused.problems, moving=booking)
    return done(url_for("bookings.show", booking_id=moved.id), text(N_("Moved. Your code stands below.")))


programme_views.public_parts.append(offered)
