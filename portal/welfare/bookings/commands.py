"""Every way into a place, out of it, and along the waiting list. There is one guard for all ways in: `occupy`.

The order of locks is the same everywhere, so that nobody waits in a circle:

1. the person (an advisory lock for programme × person; only who takes a place for a person needs it),
2. the session (shared by who takes places, alone for who cancels it or changes its capacity; two sessions by their ids),
3. the line (an advisory lock of the session: who may free a place or joins the waiting list),
4. the booking, 5. the place, 6. the quota (a parent before what it gave), 7. the money (lines by their ids, of each the budget
first), 8. goods that are handed out with it. Trail and messages come last.

Whoever takes many people in one go (a sheet) holds 1 to 4 of all of them first: `queries.hold_many`.

What is cheap refuses first: a rush of two thousand on a hundred places costs those too late one read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, crypto, outbox
from portal.access import By
from portal.db import db
from portal.i18n import DEFAULT, in_language
from portal.members.workers import queries as workers
from portal.types import N_, Problem, Refused, new_id, text
from portal.welfare.bookings import queries, rules
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.bookings.queries import Scene
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.eligibility import rules as eligibility_rules
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger import queries as money
from portal.welfare.ledger.rules import Cause
from portal.welfare.programmes import rules as programmes
from portal.welfare.programmes.models import Charge
from portal.welfare.quotas import commands as quotas
from portal.welfare.quotas import queries as shares
from portal.welfare.sessions import commands as sessions
from portal.welfare.sessions.models import Channel, ServiceSession, SessionStatus

S = BookingStatus
BATCH = 50


# --- in ------------------------------------------------------------------------------------------------------------


def book_place(
    *, session_id: UUID, worker_id: UUID, way: BookedBy, by: By, wait: bool = False, any_place: bool = False
) -> Booking:
    """Book a place; with ``wait``, stand in line where all are taken. Somebody who has it already gets their booking again.

    ``any_place``: staff may take an online place although places on site are kept. Raises `Refused` with the reasons.
    """
    if way is BookedBy.WORKER and not wait:
        _refuse(queries.glance(session_id, worker_id))
    scene = queries.look(session_id, worker_id)
    if scene.mine:
        return _again(scene.mine, by)
    now = clock.now()
    allowed = rules.channels_for(way, scene.session, now, any_place=any_place)
    channels, line = rules.past_the_line(allowed, scene.session, waiting=scene.waiting), rules.line_channel(scene.session)
    wait = wait and line in allowed and now < scene.session.starts_at
    if not wait and not scene.free.intersection(channels):
        raise Refused([rules.full(allowed, scene.session.online, waiting=scene.waiting)])
    _refuse(rules.problems_with_session(scene.session, way, now) or _problems_with_programme(scene, way, now))
    records = queries.hold_person(scene.programme.id, worker_id)
    if (mine := queries.find_alive(session_id, records)) is not None:
        return _again(mine.id, by)
    booking = _draft(scene, worker_id, way, by)
    priority = _judge(booking, scene, way)
    queries.hold_session(scene.session)
    if wait:
        queries.hold_lines(session_id)
    try:
        with db.session.begin_nested():
            occupy(booking=booking, into=S.BOOKED, scene=scene, channels=channels, by=by)
    except Refused as refused:
        if not wait or refused.problems[0].code != "full":
            raise
        return _queue(booking, scene, priority, by)
    _note("booking.booked", booking, scene, by, way=way.value)
    _tell(booking, scene, "booked", code=queries.code_of(booking))
    return booking


def occupy(
    *, booking: Booking, into: BookingStatus, scene: Scene, channels: tuple[Channel, ...], by: By,
    offer_until: datetime | None = None, instead_of: tuple[Booking, Scene] | None = None,
) -> None:  # fmt: skip
    """THE guard before every way into a place: whoever gets one gets it here, with its quota and its money, or gets nothing.

    The caller holds the person (unless it is only an offer), the session and the booking. An offer takes the place alone, until
    ``offer_until``; its quota and money follow when it is accepted. ``instead_of``: a booking that ends with this one, in the
    same order of locks. Raises `Refused`; put a savepoint around it to go on afterwards.
    """
    if scene.session.status is SessionStatus.CANCELLED:  # while somebody waited for it
        raise Refused([rules.session_cancelled()])
    place_id = booking.place_id or queries.claim(booking.session_id, channels, patient=into is not S.OFFERED)
    if place_id is None:
        raise Refused([rules.full(channels, scene.session.online)])
    booking.place_id, booking.status, booking.offer_expires_at = place_id, into, offer_until
    booking.ended_at, booking.reason = None, None
    db.session.add(booking)
    db.session.flush()  # the trigger marks the place as taken, the unique index has the last word
    if into is S.OFFERED:
        return
    share_id = _give_up(instead_of[0], S.CANCELLED) if instead_of else None
    _take_quota(booking, scene, share_id, by)
    costs, line_id = scene.programme.charge is Charge.PER_PLACE and booking.price, scene.programme.budget_line_id
    if instead_of:
        if costs:  # both lines in one order, whichever way the move goes over the end of a year
            old, new = _cause(*instead_of), money.line_of_year(line_id, scene.on)
            money.hold_lines(*money.lines_of_cause(old.table, old.id), *([new.id] if new else []))
        _release(*instead_of, by)
    if costs:
        cause = _cause(booking, scene)
        ledger.reserve(line_id=line_id, amount=booking.price, cause=cause, falls_on=scene.on, by=by)
    db.session.flush()


def _take_quota(booking: Booking, scene: Scene, given_up: UUID | None, by: By) -> None:
    """One of the share that the place draws on; the share that another booking gives up is passed on if it is the same."""
    about = {"programme_id": scene.programme.id, "station_id": scene.session.station_id, "union_id": scene.session.union_id}
    if given_up:
        share = shares.find_share(**about)
        if share and share.id == given_up:
            booking.quota_share_id = given_up
            return
        queries.hold_shares(given_up, *([share.id] if share else []))
        quotas.put_back(share_id=given_up, by=by)
    booking.quota_share_id = quotas.take(**about, by=by)


def accept_offer(*, booking: Booking, by: By) -> Booking:
    """Take what was offered. If limits, quota or money say no by now, the offer ends (EXPIRED, with the reason) and goes on to
    the next one: look at the status of what comes back. Raises `Refused` where there is no offer any more.
    """
    scene = queries.scene_of(booking.session_id)
    queries.hold_person(scene.programme.id, booking.worker_id)
    _hold(booking, scene, lines=True)
    _refuse(rules.problems_with_accepting(booking.status, booking.offer_expires_at, clock.now()))
    try:
        with db.session.begin_nested():
            _judge(booking, scene, booking.way)
            occupy(booking=booking, into=S.BOOKED, scene=scene, channels=(), by=by)
    except Refused as refused:
        db.session.refresh(booking)
        _refuse_offer(booking, scene, refused, by)
        _promote(scene, by)
        return booking
    _note("booking.accepted", booking, scene, by)
    _tell(booking, scene, "booked", code=queries.code_of(booking))
    return booking


def uncancel_booking(*, booking: Booking, by: By) -> Booking:
    """Book a cancelled one again, if everything still allows it and a place is free. Nobody passes the line this way."""
    scene = queries.scene_of(booking.session_id)
    way, now = _way_of(by), clock.now()
    records = queries.hold_person(scene.programme.id, booking.worker_id)
    _hold(booking, scene)
    if booking.status is not S.CANCELLED:
        raise Refused([rules.not_so(booking.status)])
    if other := queries.find_alive(booking.session_id, records):
        raise Refused([rules.not_so(other.status)])
    _refuse(rules.problems_with_session(scene.session, way, now) or _problems_with_programme(scene, way, now))
    allowed = rules.channels_for(way, scene.session, now)
    channels = rules.past_the_line(allowed, scene.session, waiting=bool(queries.list_waiting(booking.session_id, 1)))
    _judge(booking, scene, way)
    booking.late = False
    occupy(booking=booking, into=S.BOOKED, scene=scene, channels=channels, by=by)
    _note("booking.uncancelled", booking, scene, by)
    _tell(booking, scene, "booked", code=queries.code_of(booking))
    return booking


def move_booking(*, booking: Booking, to_session_id: UUID, by: By, any_place: bool = False) -> Booking:
    """Another time of the same programme: the old place is given up only if the new one is had. Answers the new booking."""
    old, new = queries.scene_of(booking.session_id), queries.look(to_session_id, booking.worker_id)
    way, now = _way_of(by), clock.now()
    allowed = rules.channels_for(way, new.session, now, any_place=any_place)
    channels = rules.past_the_line(allowed, new.session, waiting=new.waiting)
    if not new.free.intersection(channels):
        raise Refused([rules.full(allowed, new.session.online, waiting=new.waiting)])
    records = queries.hold_person(old.programme.id, booking.worker_id)
    for scene in sorted((old, new), key=lambda one: one.session.id):
        queries.hold_session(scene.session)
    queries.hold_lines(booking.session_id)
    queries.hold(booking)
    _refuse(rules.problems_with_moving(booking.status, old.session, new.session, old.programme.cancel_hours, now,
                                       by_worker=by.kind == "worker"))  # fmt: skip
    if other := queries.find_alive(to_session_id, records):
        raise Refused([rules.not_so(other.status)])
    _refuse(rules.problems_with_session(new.session, way, now) or _problems_with_programme(new, way, now))
    moved = _draft(new, booking.worker_id, way, by, moved_from=booking)
    _judge(moved, new, way, without=booking)
    with db.session.begin_nested():
        occupy(booking=moved, into=S.BOOKED, scene=new, channels=channels, by=by, instead_of=(booking, old))
    _note("booking.moved", moved, new, by, **{"from": old.label})
    _tell(moved, new, "moved", code=queries.code_of(moved))
    _promote(old, by)
    return moved


# --- out -----------------------------------------------------------------------------------------------------------


def cancel_booking(*, booking: Booking, reason: str | None = None, by: By, force: bool = False) -> Booking:
    """Give a place, an offer or a turn up; the next in line is offered what comes free. ``force``: whatever the hour says."""
    scene = queries.scene_of(booking.session_id)
    now, hours = clock.now(), scene.programme.cancel_hours
    _hold(booking, scene, lines=True)
    by_worker = by.kind == "worker" and not force
    _refuse(rules.problems_with_cancelling(booking.status, scene.session.starts_at, hours, now, by_worker=by_worker))
    booking.late = booking.status is S.BOOKED and now > rules.cancel_until(scene.session.starts_at, hours)
    _leave(booking, S.CANCELLED, scene, by, "booking.cancelled", reason=reason)
    _tell(booking, scene, "cancelled")
    _promote(scene, by)
    return booking


def decline_offer(*, booking: Booking, by: By) -> Booking:
    """Say no to an offer; it goes to the next one at once."""
    scene = queries.scene_of(booking.session_id)
    _hold(booking, scene, lines=True)
    if booking.status is not S.OFFERED:
        raise Refused([rules.not_so(booking.status)])
    _leave(booking, S.CANCELLED, scene, by, "booking.declined")
    _promote(scene, by)
    return booking


def mark_no_show(*, booking: Booking, by: By) -> Booking:
    """Staff say that somebody did not come: once the time began, without waiting for the end of the grace."""
    scene = queries.scene_of(booking.session_id)
    _hold(booking, scene, lines=True)
    _refuse(rules.problems_with_no_show(booking.status, scene.session, clock.now()))
    _leave(booking, S.NO_SHOW, scene, by, "booking.no_show")
    return booking


def cancel_session(*, session: ServiceSession, reason: str, by: By) -> int:
    """Nothing is given at this time: everybody is free again, hears why, and quota and money are back. Answers how many."""
    scene = queries.scene_of(session.id)
    sessions.mark_cancelled(session=session, reason=reason, by=by)  # holds the session, alone
    queries.hold_lines(session.id)
    live = queries.list_live(session.id)
    given_up = [(booking, booking.status, _give_up(booking, S.CANCELLED, reason)) for booking in live]
    for share_id in sorted(one for _booking, _was, one in given_up if one):  # all quotas before all money
        quotas.put_back(share_id=share_id, by=by)
    for booking, was, _share_id in given_up:
        if was is S.BOOKED:
            _release(booking, scene, by)
        _note("booking.session_cancelled", booking, scene, by, status=[was.value, S.CANCELLED.value], reason=reason)
        _tell(booking, scene, "session_cancelled", why=reason)
    db.session.flush()
    return len(live)


def _leave(booking: Booking, into: BookingStatus, scene: Scene, by: By, action: str, reason: str | None = None) -> None:
    """Out of a place or of the line: the place first, then the quota, then the money, as they are taken."""
    was = booking.status
    if share_id := _give_up(booking, into, reason):
        quotas.put_back(share_id=share_id, by=by)
    if was in (S.BOOKED, S.ATTENDED):
        _release(booking, scene, by)
    details = {"reason": reason} if reason else {}
    _note(action, booking, scene, by, status=[was.value, into.value], **details, **({"late": True} if booking.late else {}))
    db.session.flush()


def _give_up(booking: Booking, into: BookingStatus, reason: str | None = None) -> UUID | None:
    """The place is free with the flush; answers the quota's share, which is the caller's to put back."""
    share_id = booking.quota_share_id
    booking.status, booking.place_id, booking.offer_expires_at = into, None, None
    booking.ended_at, booking.reason, booking.quota_share_id = clock.now(), reason, None
    db.session.flush()
    return share_id


def _release(booking: Booking, scene: Scene, by: By) -> None:
    """Let go of what a booking still reserves; what was spent is a delivery's to reverse."""
    if booking.price:
        cause = _cause(booking, scene)
        held = money.list_commitments(cause.table, cause.id, lock=True)
        if sum((one.reserved for one in held), Decimal(0)):
            ledger.release(cause=cause, by=by)


# --- the line ------------------------------------------------------------------------------------------------------


def promote(*, session_id: UUID, by: By) -> int:
    """Offer what is free to those who wait; answers how many offers were made."""
    scene = queries.scene_of(session_id)
    queries.hold_session(scene.session)
    queries.hold_lines(session_id)
    return _promote(scene, by)


def _promote(scene: Scene, by: By) -> int:
    """The first ones in line get what is free, never after the beginning. Whoever could not take it by now leaves the line
    and hears why, so that nobody stands before a free place."""
    made, now, session = 0, clock.now(), scene.session
    until = rules.offer_until(now, scene.programme.offer_minutes, session.starts_at)
    if until is None or rules.problems_with_session(session, BookedBy.WORKER, now):
        return 0
    if programmes.problems_with_giving(scene.programme, scene.on):
        return 0  # paused: who waits keeps their turn
    line = (rules.line_channel(session),)
    for booking in queries.list_waiting(session.id):
        if queries.claim(session.id, line, patient=False) is None:
            break
        try:
            _judge(booking, scene, booking.way)
        except Refused as refused:
            _refuse_offer(booking, scene, refused, by)
            continue
        occupy(booking=booking, into=S.OFFERED, scene=scene, channels=line, offer_until=until, by=by)
        _note("booking.offered", booking, scene, by, until=until.isoformat())
        _tell(booking, scene, "offer", until=rules.when(until))
        made += 1
    return made


def _refuse_offer(booking: Booking, scene: Scene, refused: Refused, by: By) -> None:
    why = in_language(DEFAULT, refused.problems[0].says)
    _leave(booking, S.EXPIRED, scene, by, "booking.offer_refused", reason=why)
    _tell(booking, scene, "offer_refused", why=why)


def _queue(booking: Booking, scene: Scene, priority: int, by: By) -> Booking:
    """Stand in line; the line is held, so that a place that comes free meanwhile is offered and not missed."""
    booking.status, booking.place_id, booking.priority = S.WAITING, None, priority
    db.session.add(booking)
    db.session.flush()
    line = queries.place_in_line(booking)
    _note("booking.waiting", booking, scene, by, line=line)
    _tell(booking, scene, "waiting", line=line)
    return booking


# --- at the desk ---------------------------------------------------------------------------------------------------


def check_in(
    *, booking: Booking, by: By, at: datetime | None = None, late: bool = False, station_id: UUID | None = None
) -> Booking:
    """Receive somebody: on the day, at the place (``station_id``: where they stand). A booking works once.

    Who came after the grace is received all the same as long as a place is free. ``late``: entered afterwards from a sheet.
    """
    scene = queries.scene_of(booking.session_id)
    at = at or (scene.session.starts_at if late else clock.now())
    queries.hold_person(scene.programme.id, booking.worker_id)
    _hold(booking, scene)
    _refuse(rules.problems_with_check_in(booking.status, scene.session, at, attended_at=booking.attended_at,
                                         station_id=station_id, late=late))  # fmt: skip
    booking.attended_at, booking.attended_by_account_id = at, by.id if by.kind == "staff" else None
    booking.late = booking.late or late
    if booking.status is S.NO_SHOW:  # the place was released: back in through the guard
        way = BookedBy.PAPER if late else BookedBy.DESK
        occupy(booking=booking, into=S.ATTENDED, scene=scene, channels=rules.channels_for(way, scene.session, at), by=by)
    booking.status = S.ATTENDED
    _note("booking.attended", booking, scene, by, **({"late": True} if late else {}))
    db.session.flush()
    return booking


def undo_check_in(*, booking: Booking, by: By) -> Booking:
    """Somebody was received by mistake: the booking holds again. Not after something was handed over."""
    scene = queries.scene_of(booking.session_id)
    _hold(booking, scene)
    if booking.status is not S.ATTENDED:
        raise Refused([rules.not_so(booking.status)])
    if queries.is_delivered(booking):
        says = N_("Something was handed over for this booking. Take the delivery back first.")
        raise Refused([Problem("delivered", text(says))])
    booking.status, booking.attended_at, booking.attended_by_account_id = S.BOOKED, None, None
    db.session.flush()
    _note("booking.check_in_undone", booking, scene, by)
    return booking


# --- what time alone does: each takes one booking after the other; the worker gives each a transaction of its own -------


def expire_offers(*, by: By, limit: int = BATCH) -> int:
    """Offers that ran out go to the next ones; who still waits when it begins hears that no place came free."""
    return _each(queries.due_offers(clock.now()), _expire, limit, by) or _each(
        queries.due_waits(clock.now()), _end_wait, limit, by
    )


def mark_no_shows(*, by: By, limit: int = BATCH) -> int:
    """Who was not seen until the grace was over did not come: the place, the quota and the money are free again."""
    return _each(queries.due_no_shows(clock.now()), _miss, limit, by)


def remind(*, by: By, limit: int = BATCH) -> int:
    """From 18:00 of the day before: one message to each who is booked."""
    now = clock.now()
    evening = rules.remind_from(clock.start_of(clock.today() + timedelta(days=1)))
    until = clock.start_of(clock.today() + timedelta(days=2 if now >= evening else 1))
    return _each(queries.due_reminders(now, until), _remind, limit, by)


def fill(*, by: By, limit: int = BATCH) -> int:
    """Offer free places that nobody was offered yet, in so many sessions: a booking fell through while others waited."""
    return sum(promote(session_id=one, by=by) for one in queries.sessions_to_fill(clock.now(), limit))


def message_all(*, session: ServiceSession, text: str, by: By) -> int:
    """The same words to everybody who has a place or was offered one; answers to how many they went."""
    scene = queries.scene_of(session.id)
    told = [_tell(one.booking, scene, "news", why=text)
            for one in queries.list_of_session(session.id, statuses=(S.OFFERED, S.BOOKED))]  # fmt: skip
    audit.record("booking.messaged", by=by, subject=session, union_id=session.union_id, label=scene.label, people=sum(told))
    return sum(told)


def _each(due: sa.Select, act: Callable[[Booking, Scene, By], bool], limit: int, by: By) -> int:
    """Act on what is due, passing over what somebody else is at; each is looked at again once it is held."""
    done = 0
    for booking_id, session_id in queries.candidates(due, limit):
        scene = queries.scene_of(session_id)
        queries.hold_session(scene.session)
        booking = queries.try_booking(booking_id) if queries.try_line(session_id) else None
        done += bool(booking and act(booking, scene, by))
        if done == limit:
            break
    return done


def _expire(booking: Booking, scene: Scene, by: By) -> bool:
    if booking.status is not S.OFFERED or booking.offer_expires_at >= clock.now():
        return False
    _leave(booking, S.EXPIRED, scene, by, "booking.offer_expired")
    _tell(booking, scene, "offer_over")
    _promote(scene, by)
    return True


def _end_wait(booking: Booking, scene: Scene, by: By) -> bool:
    if booking.status is not S.WAITING or clock.now() < scene.session.starts_at:
        return False
    _leave(booking, S.EXPIRED, scene, by, "booking.no_place")
    _tell(booking, scene, "no_place")
    return True


def _miss(booking: Booking, scene: Scene, by: By) -> bool:
    until = rules.on_time_until(scene.session.starts_at, scene.programme.grace_minutes)
    if booking.status is not S.BOOKED or clock.now() <= until:
        return False
    _leave(booking, S.NO_SHOW, scene, by, "booking.no_show")
    _tell(booking, scene, "no_show")
    return True


def _remind(booking: Booking, scene: Scene, by: By) -> bool:
    if booking.status is not S.BOOKED or booking.reminded_at is not None:
        return False
    booking.reminded_at = clock.now()
    _tell(booking, scene, "reminder", code=queries.code_of(booking))
    db.session.flush()
    return True


# --- parts ---------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _way_of(by: By) -> BookedBy:
    return BookedBy.WORKER if by.kind == "worker" else BookedBy.STAFF


def _cause(booking: Booking, scene: Scene) -> Cause:
    return Cause("bookings", str(booking.id), scene.label)


def _hold(booking: Booking, scene: Scene, *, lines: bool = False) -> None:
    """Hold the session, its line where a place may come free, and the booking as it stands now."""
    queries.hold_session(scene.session)
    if lines:
        queries.hold_lines(booking.session_id)
    queries.hold(booking)


def _problems_with_programme(scene: Scene, way: BookedBy, now: datetime) -> list[Problem]:
    """Whether the programme may be booked for that day; the desk asks whether it is given, paper asks nothing."""
    if way is BookedBy.PAPER:
        return []
    if way is BookedBy.DESK:
        return rules.red(programmes.problems_with_giving(scene.programme, scene.on))
    return rules.red(programmes.problems_with_booking(scene.programme, scene.on, now))


def _draft(scene: Scene, worker_id: UUID, way: BookedBy, by: By, moved_from: Booking | None = None) -> Booking:
    """A booking that is not in the database yet, with a code that nobody has."""
    while True:
        ident = new_id()
        index = rules.code_index(crypto.ring(), rules.code_of(crypto.ring(), ident))
        if not queries.is_code_taken(index):
            break
    moment = clock.now()
    return Booking(
        id=ident, session_id=scene.session.id, programme_id=scene.programme.id, worker_id=worker_id, way=way, priority=100,
        queued_at=moment, created_at=moment, code_index=index, moved_from_id=moved_from.id if moved_from else None,
        created_by_account_id=by.id if by.kind == "staff" else None, late=way is BookedBy.PAPER,
        # who books after the evening before reads it all in the confirmation
        reminded_at=moment if moment >= rules.remind_from(scene.session.starts_at) else None,
    )  # fmt: skip


def _judge(booking: Booking, scene: Scene, way: BookedBy, without: Booking | None = None) -> int:
    """The person against the rule, again at each decision; freezes the rule's version, the price and the facts. Answers the
    priority in line. What stands on paper happened, so no limit refuses it. Raises `Refused`.
    """
    programme = scene.programme
    rule = eligibility.find_rule(programme.id)
    if rule is None:
        says = N_("Nobody has said yet who may have this. The union has to approve a rule first.")
        raise Refused([Problem("no_rule", text(says))])
    judged = eligibility.judge(
        rule=rule, worker_id=booking.worker_id, item_id=programme.item_id, programme_id=programme.id, on=scene.on,
        without_booking=(without or booking).id,
    )  # fmt: skip
    problems = list(judged.problems)
    if way in (BookedBy.WORKER, BookedBy.STAFF, BookedBy.IMPORT):
        problems += eligibility_rules.problems_with_window(rule, judged.facts, programme.booking_opens_at, clock.now())
    if way is not BookedBy.PAPER:
        _refuse(rules.red(problems))
    booking.rule_id, booking.price, booking.facts = rule.id, programme.price, judged.facts.frozen(scene.on)
    return judged.priority


def _again(booking_id: UUID, by: By) -> Booking:
    """Who asks twice has one booking; who asks again while a place is offered takes it."""
    booking = db.session.get_one(Booking, booking_id)
    return accept_offer(booking=booking, by=by) if booking.status is S.OFFERED else booking


def _note(action: str, booking: Booking, scene: Scene, by: By, **details: Any) -> None:
    audit.record(action, by=by, subject=booking, union_id=scene.session.union_id, label=scene.label, **details)


def _tell(booking: Booking, scene: Scene, told: str, **values: Any) -> bool:
    """A message in the same transaction, to whoever left a phone; answers whether there is one."""
    worker = workers.find_worker(booking.worker_id)
    phone = worker and workers.current_phone(worker)
    if not phone:
        return False
    session = scene.session
    says = text(
        rules.TOLD[told], what=scene.programme.name, when=rules.when(session.starts_at), place=session.place_name, **values
    )
    outbox.post("booking", to=phone.phone, body=in_language(DEFAULT, says))
    return True
