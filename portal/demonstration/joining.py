"""After the service: invitations, applications in every state, members with the visit that led to it.

Those of the demo's own city go through the commands, with the clock stopped at the time of each step, so that the audit
trail tells their story; the rest are inserted as they would stand now.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.crypto import token_digest
from portal.db import db
from portal.demonstration.accounts import Officers, federation_above
from portal.demonstration.people import GUEST, MEMBER, Person
from portal.demonstration.places import HOME_CITY, Place, chance
from portal.front.views import NOTICE_VERSION
from portal.members.joining import commands, queries, rules
from portal.members.joining.models import Application, ApplicationStatus, Invitation, InvitationOutcome, JoinChannel
from portal.members.memberships.models import MEMBERSHIP_NUMBERS, Membership, MembershipRecord, MembershipStatus
from portal.members.memberships.rules import membership_number
from portal.members.workers import commands as worker_commands
from portal.members.workers.models import Consent, Purpose, Worker
from portal.outbox import Message, MessageStatus
from portal.types import new_id
from portal.unions.tree.models import Union
from portal.vocabulary import IdType

A, I = ApplicationStatus, InvitationOutcome  # noqa: E741 - two words for two tables

SAID = {
    A.RETURNED: (
        "工作单位请写全称，再提交一次。",
        "证件号码与姓名不一致，请核对后再提交。",
        "请补充主要工作的县（市、区）。",
    ),
    A.REJECTED: ("已在原单位入会，请在原工会办理会籍接转。", "经电话核实，申请并非本人意愿。"),
}
# How many days ago the visit was that led to it, at the most and at the least.
SINCE = {
    A.SUBMITTED: (12, 0.4), A.RETURNED: (12, 2), A.UNCONFIRMED: (6, 0.2), A.REJECTED: (40, 4), A.WITHDRAWN: (40, 3),
    A.APPROVED: (None, 6),
}  # fmt: skip
RECORDS = {
    MembershipStatus.RETAINED: "暂无用人单位，本人申请保留会籍。",
    MembershipStatus.WITHDRAWN: "本人申请退会。",
    MembershipStatus.TRANSFERRED_OUT: "随劳动关系转往外省工会。",
}
# Of ten open applications so many in each state; the whole is made for the own city and again for everywhere else.
STATES = (A.SUBMITTED,) * 4 + (A.RETURNED, A.REJECTED, A.WITHDRAWN, A.UNCONFIRMED, A.SUBMITTED, A.REJECTED)


@dataclass
class Journey:
    """One person's way from a visit to wherever they stand."""

    person: Person
    place: Place
    visit_id: UUID
    visit_at: datetime
    status: ApplicationStatus | None  # None: invited, and no more
    outcome: InvitationOutcome
    invited_at: datetime
    opened_at: datetime
    applied_at: datetime
    confirmed_at: datetime
    decided_at: datetime
    told: str | None = None
    channel: JoinChannel = JoinChannel.VISIT  # by any other, nobody invited them
    by_command: bool = False
    record: MembershipStatus = MembershipStatus.ACTIVE


@dataclass
class Plan:
    """All journeys; those by command apart."""

    journeys: list[Journey] = field(default_factory=list)

    @property
    def numbers(self) -> set[int]:
        """Who applied, by their number."""
        return {one.person.number for one in self.journeys if one.status}

    @property
    def bulk_members(self) -> list[Journey]:
        """Those who are members without a command, by the time they joined."""
        found = [one for one in self.journeys if one.status is A.APPROVED and not one.by_command]
        return sorted(found, key=lambda one: one.decided_at)


@dataclass
class _Choice:
    """Takes people from a pool and sends each on a journey that fits their visits."""

    rng: random.Random
    visits: dict[int, list[tuple[str, int, Place]]]
    now: datetime
    made: Plan = field(default_factory=Plan)

    def take(self, pool: list[Person], how_many: int, status: ApplicationStatus | None, **more: Any) -> None:
        """Send so many from the pool; who has no fitting visit is passed over."""
        while how_many and pool:
            if journey := self._journey(pool.pop(), status, **more):
                self.made.journeys.append(journey)
                how_many -= 1

    def _visit(self, person: Person, status: ApplicationStatus | None) -> tuple[str, int, Place] | None:
        oldest, newest = SINCE.get(status, (None, 0.1))
        first = int((self.now - timedelta(days=oldest)).timestamp() * 1000) if oldest else 0
        last = int((self.now - timedelta(days=newest)).timestamp() * 1000)
        fitting = [one for one in self.visits[person.number] if first <= one[1] < last]
        return self.rng.choice(fitting[:6]) if fitting else None

    def _journey(self, person: Person, status: ApplicationStatus | None, **more: Any) -> Journey | None:
        visit = self._visit(person, status)
        if visit is None:
            return None
        rng, (visit_id, at, place) = self.rng, visit
        visit_at = datetime.fromtimestamp(at / 1000, UTC)
        invited = visit_at + timedelta(seconds=rng.randint(90, 240))
        room = (self.now - invited).total_seconds() * 0.9
        opened = invited + timedelta(seconds=min(rng.choice((40, 300, 7200, 50_000, 100_000)), room / 4))
        applied = opened + timedelta(seconds=min(rng.randint(120, 600), room / 8))
        confirmed = applied + timedelta(seconds=min(rng.randint(20, 90), room / 16))
        decided = confirmed + timedelta(seconds=min(rng.randint(15_000, 350_000), room / 3))
        outcome = I.OPENED if status is A.UNCONFIRMED else I.APPLIED
        if status is None:
            outcome = rng.choices((I.OFFERED, I.OPENED, I.NOT_NOW, I.NEVER), (40, 20, 30, 10))[0]
        told = rng.choice(SAID[status]) if status in SAID else None
        return Journey(
            person, place, UUID(visit_id), visit_at, status, outcome, invited, opened, applied, confirmed, decided,
            told, **more,
        )  # fmt: skip


def plan(
    people: list[Person],
    visits: dict[int, list[tuple[str, int, Place]]],
    members: int,
    open_ones: int,
    seed: str,
    now: datetime,
) -> Plan:
    """Choose who was invited and what became of it; phones that are shared stay out, whoever has no name as well."""
    choice = _Choice(chance(f"{seed}:joining:{now:%Y-%m-%d}"), visits, now)
    phones = Counter(person.phone for person in people)
    able = [one for one in people if one.name and one.phone and phones[one.phone] == 1 and visits.get(one.number)]
    able = [one for one in able if one.number not in (MEMBER, GUEST)]
    choice.rng.shuffle(able)
    own = [one for one in able if one.county.startswith(HOME_CITY)]
    others = [one for one in able if not one.county.startswith(HOME_CITY)]
    choice.take([people[MEMBER]], 1, A.APPROVED, by_command=True)
    for pool, command in ((own, True), (others, False)):
        for nth in range(open_ones):
            channel = JoinChannel.PUBLIC if nth % 5 == 4 else JoinChannel.VISIT
            choice.take(pool, 1, STATES[nth % len(STATES)], by_command=command, channel=channel)
    choice.take(own, members // 25, A.APPROVED, by_command=True)
    rest = own[len(own) // 4 :] + others[len(others) // 4 :]
    choice.rng.shuffle(rest)
    choice.take(rest, members - members // 25 - 1, A.APPROVED)
    chosen = {one.person.number for one in choice.made.journeys}
    choice.take([one for one in able if one.number not in chosen], members * 2 // 3, None)
    for nth, journey in enumerate(choice.made.bulk_members):
        if nth % 40 == 11 and journey.decided_at < now - timedelta(days=4):
            journey.record = list(RECORDS)[nth // 40 % len(RECORDS)]
        elif nth % 60 == 17:
            journey.record = MembershipStatus.TRANSIT
    return choice.made


# --- by command ----------------------------------------------------------------------------------------------------


def run_commands(made: Plan, officers: Officers) -> int:
    """Take the steps of the journeys that go through the commands, in the order of time; answers how many journeys."""
    steps: list[tuple[datetime, int, Callable[[], None]]] = []
    journeys = [one for one in made.journeys if one.by_command]
    for number, journey in enumerate(journeys):
        officer = officers[federation_above(journey.place.county)]
        steps += [(at, number, step) for at, step in _steps(journey, *officer)]
    for at, _number, step in sorted(steps, key=lambda one: one[:2]):
        with clock.stopped_at(at):
            step()
    keep_from_phones()
    return len(journeys)


def keep_from_phones() -> None:
    """Nothing of this history goes to a phone, whatever the portal is told to send messages by."""
    db.session.flush()
    db.session.execute(
        sa.update(Message)
        .where(Message.status == MessageStatus.WAITING)
        .values(status=MessageStatus.SHOWN, ended_at=Message.created_at)
    )


def _steps(journey: Journey, officer_id: UUID, officer_name: str) -> Iterator[tuple[datetime, Callable[[], None]]]:
    """What one journey asks of the commands, and when."""
    person, worker_by, officer_by = journey.person, By("worker", journey.person.id), By("staff", officer_id)
    operator_by = By("staff", journey.place.operators[0])
    holds: dict[str, object] = {}

    def worker() -> Worker:
        return db.session.get(Worker, person.id)

    def invite() -> None:
        worker_commands.give_consent(worker=worker(), purpose=Purpose.CONTACT, notice_version=NOTICE_VERSION, channel="desk",
                                     by=operator_by)  # fmt: skip
        token = commands.invite(
            worker=worker(), visit_id=journey.visit_id, visit_at=journey.visit_at, station_id=journey.place.id,
            county_code=journey.place.county, by=operator_by,
        )  # fmt: skip
        holds["invitation"] = queries.find_invitation(token)

    def apply() -> None:
        written = rules.Written(
            person.name, IdType.RESIDENT_ID, person.id_number, person.phone, person.occupation, person.industry,
            person.employer, journey.place.county, person.is_migrant,
        )  # fmt: skip
        holds["application"] = commands.apply(
            worker=worker(), written=written, invitation=holds.get("invitation"), channel=journey.channel,
            notice_version=NOTICE_VERSION, by=worker_by,
        )  # fmt: skip

    def decide() -> None:
        application = holds["application"]
        if journey.status is A.WITHDRAWN:
            commands.withdraw(application=application, by=worker_by)
        else:
            commands.decide(
                application=application,
                decision=journey.status,
                opinion=journey.told,
                decider=officer_name,
                by=officer_by,
            )

    if journey.channel is JoinChannel.VISIT:
        yield journey.invited_at, invite
        yield journey.opened_at, lambda: commands.open_invitation(invitation=holds["invitation"], by=worker_by)
    yield journey.applied_at, apply
    if journey.status is not A.UNCONFIRMED:
        yield journey.confirmed_at, lambda: commands.confirm(application=holds["application"], by=worker_by)
        if journey.status is not A.SUBMITTED:
            yield journey.decided_at, decide


# --- as they stand now ---------------------------------------------------------------------------------------------


def write(made: Plan, officers: Officers, now: datetime) -> None:
    """Insert all journeys that do not go through the commands. Flushes."""
    homes = dict(db.session.execute(sa.select(Union.code, Union.id).where(Union.code.endswith("-X"))).all())
    bulk = [one for one in made.journeys if not one.by_command]
    invitations, applications = [], {}
    for journey in bulk:
        invitation = _invitation(journey, homes)
        if journey.channel is JoinChannel.VISIT:
            invitations.append(invitation)
        if journey.outcome is I.NEVER:
            db.session.get(Worker, journey.person.id).never_invite_at = invitation.answered_at
        if journey.status:
            officer = officers[federation_above(journey.place.county)][0]
            applications[journey.person.number] = application = _application(journey, invitation, homes, officer)
            if application.confirmed_at:
                db.session.add(_consent(journey))
    for rows in (invitations, applications.values()):  # one kind after the other, as they refer to each other
        db.session.add_all(rows)
        db.session.flush()
    joined = made.bulk_members
    statement = sa.select(MEMBERSHIP_NUMBERS.next_value()).select_from(sa.func.generate_series(1, len(joined)))
    records: list[MembershipRecord] = []
    for journey, number in zip(joined, sorted(db.session.scalars(statement)), strict=True):
        records += _admit(journey, applications[journey.person.number], number, homes, now)
    db.session.flush()
    db.session.add_all(records)
    db.session.flush()
    db.session.expunge_all()


def _invitation(journey: Journey, homes: dict[str, UUID]) -> Invitation:
    answered = {I.APPLIED: journey.confirmed_at, I.NOT_NOW: journey.opened_at, I.NEVER: journey.opened_at}
    return Invitation(
        id=new_id(),
        token_digest=token_digest(secrets.token_urlsafe(32)),
        worker_id=journey.person.id,
        union_id=homes[f"{journey.place.county}-X"],
        station_id=journey.place.id,
        visit_id=journey.visit_id,
        visit_at=journey.visit_at,
        invited_by=journey.place.operators[0],
        outcome=journey.outcome,
        created_at=journey.invited_at,
        expires_at=journey.invited_at + rules.INVITATION_LIFE,
        opened_at=None if journey.outcome is I.OFFERED else journey.opened_at,
        answered_at=answered.get(journey.outcome),
    )


def _application(journey: Journey, invitation: Invitation, homes: dict[str, UUID], officer: UUID) -> Application:
    person, decided = journey.person, journey.status in (A.APPROVED, A.REJECTED, A.RETURNED)
    invited = journey.channel is JoinChannel.VISIT
    confirmed = None if journey.status is A.UNCONFIRMED else journey.confirmed_at
    application = Application(
        id=new_id(),
        worker_id=person.id,
        invitation_id=invitation.id if invited else None,
        union_id=homes[f"{journey.place.county}-X"],
        station_id=journey.place.id if invited else None,
        visit_id=journey.visit_id if invited else None,
        visit_at=journey.visit_at if invited else None,
        channel=journey.channel,
        status=journey.status,
        name=person.name,
        id_type=IdType.RESIDENT_ID,
        occupation=person.occupation,
        industry=person.industry,
        employer_name=person.employer,
        work_county_code=journey.place.county,
        is_migrant_worker=person.is_migrant,
        notice_version=NOTICE_VERSION,
        created_at=journey.applied_at,
        confirmed_at=confirmed,
        submitted_at=confirmed,
        decided_at=journey.decided_at if decided else None,
        decided_by=officer if decided else None,
        opinion=journey.told,
    )
    application.id_number, application.phone = person.id_number, person.phone
    return application


def _consent(journey: Journey) -> Consent:
    return Consent(
        id=new_id(), worker_id=journey.person.id, purpose=Purpose.MEMBERSHIP, notice_version=NOTICE_VERSION,
        channel="join", given_at=journey.confirmed_at,
    )  # fmt: skip


def _admit(journey: Journey, application: Application, number: int, homes: dict[str, UUID], now: datetime) -> list:
    """A membership with its records, and what the application said moved onto the worker."""
    person, joined, county = journey.person, journey.decided_at, journey.place.county
    worker = db.session.get(Worker, person.id)
    worker.id_type, worker.id_number = IdType.RESIDENT_ID, person.id_number
    worker.industry, worker.is_migrant_worker = person.industry, person.is_migrant
    membership = Membership(
        id=new_id(),
        number=membership_number(county, clock.business_day(joined), number),
        worker_id=person.id,
        application_id=application.id,
        joined_at=joined,
        joined_via_union_id=application.union_id,
        visit_id=journey.visit_id,
        visit_at=journey.visit_at,
        confirmed_by_province_at=joined + timedelta(days=15) if joined < now - timedelta(days=15) else None,
    )
    db.session.add(membership)
    home = application.union_id
    if journey.record is MembershipStatus.TRANSIT:
        home = homes[federation_above(county)]
    begun = journey.record if journey.record is MembershipStatus.TRANSIT else MembershipStatus.ACTIVE
    record = MembershipRecord(id=new_id(), membership_id=membership.id, status=begun, union_id=home, starts_at=joined)
    if journey.record not in RECORDS:
        return [record]
    record.ends_at = joined + (now - joined) / 2
    later = MembershipRecord(
        id=new_id(), membership_id=membership.id, status=journey.record, union_id=home, starts_at=record.ends_at,
        reason=RECORDS[journey.record],
    )  # fmt: skip
    return [record, later]
