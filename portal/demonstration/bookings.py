"""Bookings of the demonstration: in every state, a time that is full with a line before it, and an offer under way.

Call `make` after the sessions (demonstration/sessions.py) and before deliveries, which may build on who came. The two people
of demo-accounts.json have one booking each, to come.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.demonstration.places import chance
from portal.members.workers.models import Worker, WorkerPhone
from portal.types import Refused
from portal.unions.staff.queries import find_account_by_name
from portal.welfare.bookings import commands
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.programmes.models import Programme, ProgrammeStatus
from portal.welfare.sessions.models import ServiceSession, SessionStatus

CODE, OTHERS = "DEMO-TIJIAN", ("DEMO-LIANGAI", "DEMO-PEIXUN")
PAST, AHEAD = 5, 3  # people of each past and each coming session that gets some
LINE = 4


def make(seed: str, now: datetime, mine: tuple[UUID, ...] = ()) -> str:
    """Make them; answers what was made. Flushes. ``mine``: people who shall have one to come. Without sessions: nothing."""
    made = _Maker(seed, now, mine)
    for code in (CODE, *OTHERS):
        past, ahead = made.sessions(code)
        for session in past[-2:] if code == CODE else past[-1:]:
            made.is_over(session)
        for session in ahead[1:3] if code == CODE else ahead[:1]:
            made.is_coming(session)
        if code == CODE and ahead:
            made.is_full(min(ahead[:8], key=lambda one: (one.online, one.starts_at)))
    db.session.flush()
    counts = dict(db.session.execute(sa.select(Booking.status, sa.func.count(Booking.id)).group_by(Booking.status)).all())
    return ", ".join(f"{counts[one]} {one.value}" for one in BookingStatus if one in counts) or "no bookings"


class _Maker:
    """Who books, and when."""

    def __init__(self, seed: str, now: datetime, mine: tuple[UUID, ...]) -> None:
        luck, self.now = chance(f"{seed}:bookings"), now
        reached = sa.exists().where(WorkerPhone.worker_id == Worker.id, WorkerPhone.until.is_(None))
        known = sa.select(Worker.id).where(Worker.merged_into_id.is_(None), Worker.name.is_not(None), reached)
        people = list(db.session.scalars(known.order_by(Worker.id).limit(600)))
        luck.shuffle(people)
        self.people, self.mine = iter([one for one in people if one not in mine]), list(mine)
        self.staff = By("staff", find_account_by_name("keeper").id)

    def sessions(self, code: str) -> tuple[list[ServiceSession], list[ServiceSession]]:
        """Those of a programme that are over, and those that begin tomorrow or later."""
        found = list(
            db.session.scalars(
                sa.select(ServiceSession)
                .join(Programme, Programme.id == ServiceSession.programme_id)
                .where(
                    Programme.code == code, Programme.status == ProgrammeStatus.OPEN, ServiceSession.status == SessionStatus.OPEN
                )
                .order_by(ServiceSession.starts_at, ServiceSession.id)
            )
        )
        tomorrow = clock.start_of(clock.business_day(self.now) + timedelta(days=1))
        return [one for one in found if one.ends_at < self.now], [one for one in found if one.starts_at >= tomorrow]

    def book(self, session: ServiceSession, at: datetime, *, wait: bool = False, who: UUID | None = None) -> Booking | None:
        """The next person who may have it books, a few are tried."""
        for _ in range(1 if who else 5):
            worker_id = who or next(self.people, None)
            if worker_id is None:
                return None
            try:
                with clock.stopped_at(at), db.session.begin_nested():
                    return commands.book_place(
                        session_id=session.id, worker_id=worker_id, way=BookedBy.WORKER, wait=wait, by=By("worker", worker_id)
                    )
            except Refused as refused:
                if refused.problems[0].code in ("full", "not_enough", "quota_full", "no_budget_of_year"):
                    return None
        return None

    def is_over(self, session: ServiceSession) -> None:
        """Most came, one did not, one had cancelled."""
        booked = [self.book(session, session.starts_at - timedelta(days=2, minutes=7 * place)) for place in range(PAST)]
        booked = [one for one in booked if one]
        for place, booking in enumerate(booked[1:-1]):
            with clock.stopped_at(session.starts_at + timedelta(minutes=3 * place - 5)):
                commands.check_in(booking=booking, by=self.staff)
        if booked:
            with clock.stopped_at(session.starts_at - timedelta(days=1)):
                commands.cancel_booking(booking=booked[-1], by=self.staff, reason="临时有事")
            with clock.stopped_at(session.starts_at + timedelta(minutes=40)):
                if len(booked) > 1:
                    commands.mark_no_show(booking=booked[0], by=SYSTEM)

    def is_coming(self, session: ServiceSession) -> None:
        """A few places are taken, one by whoever shall have one."""
        at = min(self.now, session.starts_at) - timedelta(hours=20)
        if self.mine:
            self.book(session, at, who=self.mine.pop(0))
        for place in range(AHEAD):
            self.book(session, at + timedelta(minutes=11 * place))

    def is_full(self, session: ServiceSession) -> None:
        """Every online place is taken, some wait; one gave up just now, so the first in line has an offer."""
        at = self.now - timedelta(hours=6)
        booked = [self.book(session, at + timedelta(minutes=place)) for place in range(session.online)]
        for place in range(LINE):
            self.book(session, at + timedelta(hours=1, minutes=9 * place), wait=True)
        if all(booked) and booked:
            with clock.stopped_at(self.now - timedelta(minutes=12)):
                commands.cancel_booking(booking=booked[-1], by=self.staff, reason="换了班次")
