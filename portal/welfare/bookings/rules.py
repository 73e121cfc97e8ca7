"""What is decided about a booking from values alone: which places, until when, why not; and what is told about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from portal.clock import SHANGHAI, business_day
from portal.crypto import Keyring
from portal.types import N_, Level, Problem, Text, text
from portal.welfare.bookings.models import BookedBy, BookingStatus
from portal.welfare.sessions.models import Channel, ServiceSession, SessionStatus

S = BookingStatus
CODE_DIGITS = 8
REMINDED_AT = time(18)  # of the day before, in Shanghai


def code_of(ring: Keyring, booking_id: UUID) -> str:
    """The eight digits of a booking. They follow from its id and the house's key, so no list of them can be read."""
    number = int.from_bytes(ring.digest("booking-code", str(booking_id))[:8], "big")
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def code_index(ring: Keyring, code: str) -> bytes:
    """What a booking is found by when its code is typed."""
    return ring.digest("index:bookings.code", code)


def normal_code(typed: str | None) -> str | None:
    """The digits of what was typed or scanned, or None if it is no code."""
    digits = "".join(sign for sign in typed or "" if sign.isdecimal() and sign.isascii())
    return digits if len(digits) == CODE_DIGITS else None


# --- places --------------------------------------------------------------------------------------------------------


def line_channel(session: ServiceSession) -> Channel:
    """Which places the waiting list stands for: the online ones; those on site where a session keeps no others."""
    return Channel.ONLINE if session.online else Channel.ON_SITE


def past_the_line(channels: tuple[Channel, ...], session: ServiceSession, *, waiting: bool) -> tuple[Channel, ...]:
    """Which of these places somebody new may take: while others wait, none that they wait for."""
    return tuple(one for one in channels if not waiting or one is not line_channel(session))


def channels_for(way: BookedBy, session: ServiceSession, now: datetime, *, any_place: bool = False) -> tuple[Channel, ...]:
    """Which places a way in may take, in this order.

    Workers take online places. Staff take an on-site one first; an online one only where the session keeps none on site, on
    the day itself, from paper (it happened), or when told.
    """
    if way is BookedBy.WORKER:
        return (Channel.ONLINE,)
    kept = session.online < session.capacity
    same_day = business_day(now) >= business_day(session.starts_at)
    if any_place or not kept or same_day or way is BookedBy.PAPER:
        return (Channel.ON_SITE, Channel.ONLINE)
    return (Channel.ON_SITE,)


def full(channels: Sequence[Channel], online: int, *, waiting: bool = False) -> Problem:
    """The clear word for those too late. ``online``: how many online places the session has."""
    if tuple(channels) == (Channel.ON_SITE,) and online:
        says = N_("The places on site are taken. Online places are kept for those who book; take one only if you mean to.")
        return Problem("full", text(says))
    if tuple(channels) == (Channel.ONLINE,) and not online:
        return Problem("full", text(N_("The places of this time are given at the door; they are not booked online.")))
    if waiting:
        return Problem("full", text(N_("All places are taken and others wait already. You can join the waiting list.")))
    return Problem("full", text(N_("All places of this time are taken. Choose another time or join the waiting list.")))


# --- times ---------------------------------------------------------------------------------------------------------


def on_time_until(starts_at: datetime, grace_minutes: int) -> datetime:
    """The last moment that is on time; it counts in."""
    return starts_at + timedelta(minutes=grace_minutes)


def cancel_until(starts_at: datetime, cancel_hours: int) -> datetime:
    """The last moment at which a worker may cancel; it counts in."""
    return starts_at - timedelta(hours=cancel_hours)


def offer_until(now: datetime, offer_minutes: int, starts_at: datetime) -> datetime | None:
    """How long an offer made now holds its place, the last moment counted in; None: too late to offer anything."""
    return None if now >= starts_at else min(now + timedelta(minutes=offer_minutes), starts_at)


def remind_from(starts_at: datetime) -> datetime:
    """When somebody booked is reminded: at 18:00 of the day before."""
    eve = business_day(starts_at) - timedelta(days=1)
    return datetime.combine(eve, REMINDED_AT, SHANGHAI).astimezone(UTC)


def when(starts_at: datetime) -> Text:
    """Day and time as a message says them."""
    return text("%(day)s %(time)s", day=business_day(starts_at), time=starts_at.astimezone(SHANGHAI).strftime("%H:%M"))


# --- why not -------------------------------------------------------------------------------------------------------


def problems_with_session(session: ServiceSession, way: BookedBy, now: datetime) -> list[Problem]:
    """Whether a session takes bookings at all: workers and staff until it begins, the desk until it ends, paper afterwards."""
    if session.status is SessionStatus.CANCELLED:
        return [session_cancelled()]
    if way is BookedBy.PAPER:
        if now < session.starts_at:
            return [Problem("not_begun", text(N_("A sheet is entered once its time has begun. Add them as a booking instead.")))]
        return []
    if way is BookedBy.DESK and now < session.ends_at:
        return []
    if now >= session.starts_at:
        return [Problem("begun", text(N_("This time began at %(when)s."), when=when(session.starts_at)))]
    return []


def problems_with_cancelling(
    status: BookingStatus, starts_at: datetime, cancel_hours: int, now: datetime, *, by_worker: bool
) -> list[Problem]:
    """A worker gives a held place up until so many hours before; waiting and offers may always be given up."""
    if status not in (S.WAITING, S.OFFERED, S.BOOKED):
        return [not_so(status)]
    until = cancel_until(starts_at, cancel_hours)
    if by_worker and status is S.BOOKED and now > until:
        says = N_("It could be cancelled until %(when)s. Call the station; they can still cancel it for you.")
        return [Problem("too_late_to_cancel", text(says, when=when(until)))]
    return []


def problems_with_moving(
    status: BookingStatus, old: ServiceSession, new: ServiceSession, cancel_hours: int, now: datetime, *, by_worker: bool
) -> list[Problem]:
    """A place is moved within its programme, for as long as it may be cancelled."""
    if status is not S.BOOKED:
        return [not_so(status)]
    if old.programme_id != new.programme_id or old.id == new.id:
        return [Problem("other_programme", text(N_("Choose another time of the same programme.")))]
    return problems_with_cancelling(status, old.starts_at, cancel_hours, now, by_worker=by_worker)


def problems_with_no_show(status: BookingStatus, session: ServiceSession, now: datetime) -> list[Problem]:
    """Nobody is missing before the time begins."""
    if status is not S.BOOKED:
        return [not_so(status)]
    if now < session.starts_at:
        return [Problem("not_begun", text(N_("This time has not begun yet; until then somebody may still come.")))]
    return []


def problems_with_accepting(status: BookingStatus, expires_at: datetime | None, now: datetime) -> list[Problem]:
    """An offer is accepted while it holds; its last moment counts in."""
    if status is not S.OFFERED:
        return [not_so(status)]
    if expires_at is None or now > expires_at:
        return [Problem("offer_over", text(N_("This offer has run out. The place went to the next one.")))]
    return []


def problems_with_day(session: ServiceSession, station_id: UUID | None, at: datetime) -> list[Problem]:
    """A booking holds on its day, at its place. ``station_id``: where somebody stands, if that is known."""
    found = []
    if business_day(at) != business_day(session.starts_at):
        says = N_("This booking is for %(when)s at %(place)s, not for today.")
        found.append(Problem("wrong_day", text(says, when=when(session.starts_at), place=session.place_name)))
    if station_id and session.station_id != station_id:
        says = N_("This booking is for %(place)s, %(when)s. Please go there.")
        found.append(Problem("wrong_station", text(says, place=session.place_name, when=when(session.starts_at))))
    return found


def problems_with_check_in(
    status: BookingStatus, session: ServiceSession, at: datetime, *, attended_at: datetime | None = None,
    station_id: UUID | None = None, late: bool = False,
) -> list[Problem]:  # fmt: skip
    """Whether somebody booked is received now. ``late``: entered afterwards from a sheet."""
    if status is S.ATTENDED:
        when_used = attended_at.astimezone(SHANGHAI).strftime("%H:%M") if attended_at else ""
        return [Problem("used", text(N_("This booking was used at %(time)s already. A code works once."), time=when_used))]
    if status not in (S.BOOKED, S.NO_SHOW):
        return [not_so(status)]
    found = problems_with_day(session, station_id, at)
    if not found and not late and at >= session.ends_at:
        found.append(Problem("session_over", text(N_("This time ended at %(when)s."), when=when(session.ends_at))))
    return found


def unknown_code() -> Problem:
    """No booking has these digits."""
    says = N_("This code belongs to no booking. Check the eight digits, or look for the person.")
    return Problem("unknown_code", text(says), field="code")


def session_cancelled() -> Problem:
    """Nothing is given at this time any more."""
    return Problem("session_cancelled", text(N_("This time was cancelled.")))


def not_so(status: BookingStatus) -> Problem:
    """What stands in the way when a booking is not in the state that something needs."""
    return Problem(f"is_{status.value}", text(_STANDS[status]))


_STANDS = {
    S.WAITING: N_("This person is on the waiting list; no place is theirs yet."),
    S.OFFERED: N_("A place is offered; it has to be accepted first."),
    S.BOOKED: N_("This booking holds already."),
    S.ATTENDED: N_("This person was received already."),
    S.NO_SHOW: N_("Nobody came in time, so the place was released."),
    S.CANCELLED: N_("This booking was cancelled."),
    S.EXPIRED: N_("This offer has run out. The place went to the next one."),
}


def red(problems: Iterable[Problem]) -> list[Problem]:
    """Only what refuses."""
    return [one for one in problems if one.level is Level.RED]


# --- what is told --------------------------------------------------------------------------------------------------

TOLD = {
    "booked": N_("Booked: %(what)s, %(when)s, %(place)s. Your code there is %(code)s. It holds on that day, once."),
    "moved": N_("Moved: %(what)s is now on %(when)s, %(place)s. Your new code is %(code)s."),
    "waiting": N_("%(what)s, %(when)s: you are number %(line)s on the waiting list. We write when a place comes free."),
    "offer": N_("A place came free: %(what)s, %(when)s, %(place)s. It is kept for you until %(until)s; take it under Me."),
    "offer_over": N_("The place for %(what)s, %(when)s went to the next one, because it was not taken in time."),
    "offer_refused": N_("The place for %(what)s, %(when)s could not be booked: %(why)s"),
    "no_place": N_("No place came free for %(what)s, %(when)s. Please choose another time."),
    "cancelled": N_("Cancelled: %(what)s, %(when)s, %(place)s."),
    "session_cancelled": N_("%(what)s on %(when)s, %(place)s is cancelled: %(why)s Please choose another time."),
    "no_show": N_("%(what)s, %(when)s: you were not seen in time, so the place was released. Come if you can; we look."),
    "reminder": N_("Soon: %(what)s, %(when)s, %(place)s. Your code there is %(code)s. If you cannot come, please cancel."),
    "news": N_("%(what)s, %(when)s, %(place)s: %(why)s"),
}  # fmt: skip
