"""Builders of people as rules see them: where they stand, how old they are, for whom they work."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from uuid import UUID

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.members.joining.models import Application, ApplicationStatus, JoinChannel
from portal.members.memberships import commands as memberships
from portal.members.memberships.models import Membership, MembershipRecord, MembershipStatus
from portal.members.workers.models import Worker
from portal.types import new_id
from portal.unions.tree.models import Union
from portal.vocabulary import IdType, Industry, Occupation
from portal.welfare.eligibility.models import Standing
from tests.factories.workers import make_phone


def make_person(
    *,
    standing: Standing = Standing.ANYONE,
    union: Union | None = None,
    employer: str | None = None,
    merged_into: UUID | None = None,
    commit: bool = True,
    **values,
) -> Worker:
    """A person with a standing in a union (needed but for `ANYONE`), written by hand so that many are quick."""
    known = {"occupation": Occupation.COURIER, "created_at": clock.now(), "name": "王小梅"}
    worker = Worker(id=new_id(), **known | values)
    db.session.add(worker)
    db.session.flush()
    if standing is Standing.APPLICANT or employer:
        status = ApplicationStatus.SUBMITTED if standing is Standing.APPLICANT else ApplicationStatus.WITHDRAWN
        db.session.add(_application(worker, union, employer, status))
    if standing in (Standing.MEMBER, Standing.RETAINED):
        make_member(worker, union, MembershipStatus.ACTIVE if standing is Standing.MEMBER else MembershipStatus.RETAINED)
    db.session.flush()
    worker.merged_into_id = merged_into
    if commit:
        db.session.commit()
    return worker


def _application(worker: Worker, union: Union, employer: str | None, status: ApplicationStatus) -> Application:
    application = Application(
        id=new_id(), worker_id=worker.id, union_id=union.id, channel=JoinChannel.PUBLIC, status=status, name="王小梅",
        id_type=IdType.PASSPORT, occupation=worker.occupation, industry=Industry.OTHER, employer_name=employer,
        work_county_code="410105", notice_version="2026-11", created_at=clock.now(), confirmed_at=clock.now(),
    )  # fmt: skip
    application.id_number, application.phone = "E12345678", make_phone()
    return application


def make_member(worker: Worker, union: Union, status: MembershipStatus = MembershipStatus.ACTIVE) -> Membership:
    """A membership whose open record says this, a month old."""
    membership = memberships.admit(worker_id=worker.id, union_id=union.id, county_code="410105", application_id=None, by=SYSTEM)
    db.session.flush()
    record = MembershipRecord.query.filter_by(membership_id=membership.id, ends_at=None).one()
    record.status, record.starts_at = status, clock.now() - timedelta(days=30)
    db.session.flush()
    return membership


def birth(years: int, days: int = 0) -> date:
    """The birth date of somebody who is so many years old today, so many days before (or, negative, after) it."""
    today = clock.today()
    year = today.year - years
    return date(year, today.month, min(today.day, monthrange(year, today.month)[1])) - timedelta(days=days)
