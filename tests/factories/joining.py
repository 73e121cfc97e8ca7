"""Builders of joining: an invitation after a visit, an application in a state, a member."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.members.joining import commands, queries
from portal.members.joining.models import Application, ApplicationStatus, Invitation, JoinChannel
from portal.members.joining.rules import Written
from portal.members.memberships import queries as memberships
from portal.members.memberships.models import Membership
from portal.members.workers import commands as workers
from portal.members.workers.models import Purpose, Worker
from portal.types import new_id
from portal.vocabulary import IdType, Industry, Occupation
from tests.factories.staff import make_account
from tests.factories.workers import make_id_number, make_phone, make_worker


def written(**changes) -> Written:
    """What somebody writes into the form; the county is 金水区 of `small_tree()`."""
    values = {
        "name": "李志强",
        "id_type": IdType.RESIDENT_ID,
        "id_number": make_id_number(),
        "phone": make_phone(),
        "occupation": Occupation.FOOD_DELIVERY_RIDER,
        "industry": Industry.FOOD_DELIVERY,
        "employer_name": None,
        "work_county_code": "410105",
    }
    return Written(**(values | changes))


def agree_to_contact(worker: Worker) -> None:
    """The worker says that the union may contact them."""
    workers.give_consent(worker=worker, purpose=Purpose.CONTACT, notice_version="2026-11", channel="test", by=SYSTEM)
    db.session.commit()


def make_invitation(
    worker: Worker,
    *,
    station_id: UUID | None = None,
    county_code: str = "410105",
    visit: tuple[UUID, datetime] | None = None,
    by: By = SYSTEM,
) -> tuple[Invitation, str]:
    """An invitation and its token; the worker agreed to be contacted."""
    agree_to_contact(worker)
    visit_id, visit_at = visit or (new_id(), clock.now())
    token = commands.invite(
        worker=worker, visit_id=visit_id, visit_at=visit_at, station_id=station_id, county_code=county_code, by=by
    )
    db.session.commit()
    return queries.find_invitation(token), token


def make_application(
    worker: Worker | None = None,
    *,
    status: ApplicationStatus = ApplicationStatus.SUBMITTED,
    invitation: Invitation | None = None,
    decided_by=None,
    opinion: str = "请核对证件号码。",
    **changes,
) -> Application:
    """An application that went the real way to a state; ``changes`` are fields of what was written."""
    worker = worker or make_worker()
    paper = written(**({"name": worker.name or "李志强"} | changes))
    application = commands.apply(
        worker=worker, written=paper, invitation=invitation, notice_version="2026-11", by=SYSTEM,
        channel=JoinChannel.VISIT if invitation else JoinChannel.PUBLIC,
    )  # fmt: skip
    if status is not ApplicationStatus.UNCONFIRMED:
        outcome = commands.confirm(application=application, by=By("worker", worker.id))
        assert outcome.kind == "submitted", outcome.kind
    if status is ApplicationStatus.WITHDRAWN:
        commands.withdraw(application=application, by=By("worker", worker.id))
    if status in (ApplicationStatus.APPROVED, ApplicationStatus.RETURNED, ApplicationStatus.REJECTED):
        officer = decided_by or make_account(name="周审核")
        commands.decide(
            application=application, decision=status, decider=officer.name, by=By("staff", officer.id),
            opinion=None if status is ApplicationStatus.APPROVED else opinion,
        )  # fmt: skip
    db.session.commit()
    return application


def make_member(worker: Worker | None = None, **changes) -> Membership:
    """A member, by way of an approved application."""
    application = make_application(worker, status=ApplicationStatus.APPROVED, **changes)
    return memberships.find_membership(application.worker_id)
