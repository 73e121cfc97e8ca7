"""Reads about joining: whether to invite, invitations by token, applications within scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.crypto import token_digest
from portal.db import db
from portal.members.joining import rules
from portal.members.joining.models import (
    OPEN_STATUSES,
    Application,
    ApplicationStatus,
    Invitation,
    InvitationOutcome,
    JoinChannel,
)
from portal.members.memberships.models import MEMBER_STATUSES
from portal.members.workers.models import Purpose, Worker
from portal.members.workers.rules import is_phone, mask_name, normal_id_number
from portal.paging import Slice, keyset
from portal.types import Problem
from portal.unions.tree.models import Division, Union
from portal.unions.tree.queries import within
from portal.vocabulary import Industry, Occupation

LIMIT = 50


# --- inviting ------------------------------------------------------------------------------------------------------

_standing = sa.text(
    """
    SELECT w.never_invite_at,
           (SELECT max(greatest(i.created_at, i.answered_at)) FROM invitations i WHERE i.worker_id IN (
                SELECT p.id FROM workers p WHERE p.id = w.id OR p.merged_into_id = w.id)) AS asked_at,
           EXISTS (SELECT FROM consents c WHERE c.worker_id = w.id AND c.purpose = :contact
                   AND c.withdrawn_at IS NULL) AS may_be_contacted,
           (SELECT a.status FROM applications a WHERE a.worker_id = w.id
            AND a.status IN ('unconfirmed', 'submitted', 'returned')) AS open_status,
           m.number, m.home
    FROM workers w
    LEFT JOIN LATERAL (
        SELECT k.number, u.name AS home FROM memberships k
        JOIN membership_records r ON r.membership_id = k.id AND r.ends_at IS NULL AND r.status IN :member
        JOIN unions u ON u.id = r.union_id
        WHERE k.worker_id IN (SELECT p.id FROM workers p WHERE p.id = w.id OR p.merged_into_id = w.id) LIMIT 1) m ON true
    WHERE w.id = :worker
    """
).bindparams(sa.bindparam("member", [status.value for status in MEMBER_STATUSES], expanding=True))


def standing(worker_id: UUID) -> rules.Standing:
    """What is known about a worker when an invitation is thought of; one read."""
    row = db.session.execute(_standing, {"worker": worker_id, "contact": Purpose.CONTACT.value}).one()
    return rules.Standing(
        never_invite_at=row.never_invite_at,
        last_asked_on=clock.business_day(row.asked_at) if row.asked_at else None,
        may_be_contacted=row.may_be_contacted,
        membership_number=row.number,
        home_union=row.home,
        open_status=ApplicationStatus(row.open_status) if row.open_status else None,
    )


def problems_with_inviting(worker_id: UUID) -> list[Problem]:
    """Why this worker is not invited now; empty if the invitation may be shown after a service."""
    return rules.problems_with_inviting(standing(worker_id), today=clock.today())


def find_invitation(token: str) -> Invitation | None:
    """The invitation a token belongs to, as long as it is good; None for a wrong or an expired one alike."""
    if len(token) > 100:
        return None
    return db.session.scalars(
        sa.select(Invitation).where(Invitation.token_digest == token_digest(token), Invitation.expires_at > clock.now())
    ).one_or_none()


# --- the applicant's own -------------------------------------------------------------------------------------------


def find_open(worker_id: UUID) -> Application | None:
    """A worker's application that is under way: there is one at the most."""
    return db.session.scalars(
        sa.select(Application).where(Application.worker_id == worker_id, Application.status.in_(OPEN_STATUSES))
    ).one_or_none()


def find_latest(worker_id: UUID) -> Application | None:
    """A worker's newest application that they confirmed."""
    return db.session.scalars(
        sa.select(Application)
        .where(Application.worker_id == worker_id, Application.confirmed_at.is_not(None))
        .order_by(Application.created_at.desc(), Application.id.desc())
        .limit(1)
    ).one_or_none()


def find_application(application_id: UUID) -> Application | None:
    """An application by the reference its own applicant's browser holds."""
    return db.session.get(Application, application_id)


def find_live_invitation(worker_id: UUID) -> Invitation | None:
    """A worker's newest invitation that is still good and was not declined or used."""
    return db.session.scalars(
        sa.select(Invitation)
        .where(
            Invitation.worker_id == worker_id,
            Invitation.expires_at > clock.now(),
            Invitation.outcome.in_((InvitationOutcome.OFFERED, InvitationOutcome.OPENED)),
        )
        .order_by(Invitation.created_at.desc())
        .limit(1)
    ).one_or_none()


# Stations and visits stand above this noun; only the county of a station is read here, to fill in a field.
_county_of_station = sa.text("SELECT county_code FROM stations WHERE id = :station")
_county_of_last_visit = sa.text(
    "SELECT s.county_code FROM visits v JOIN stations s ON s.id = v.station_id "
    "WHERE v.worker_id IN (SELECT p.id FROM workers p WHERE p.id = :worker OR p.merged_into_id = :worker) "
    "ORDER BY v.at DESC, v.id DESC LIMIT 1"
)


def county_for(worker_id: UUID, invitation: Invitation | None) -> str | None:
    """The county where a worker probably works: that of the inviting station, otherwise of the last visit."""
    if invitation and invitation.station_id:
        return db.session.scalar(_county_of_station, {"station": invitation.station_id})
    return db.session.scalar(_county_of_last_visit, {"worker": worker_id})


# --- the union's ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """An application as a list shows it."""

    id: UUID
    name: str
    occupation: Occupation
    industry: Industry
    county: str
    union_name: str
    channel: JoinChannel
    status: ApplicationStatus
    created_at: datetime
    submitted_at: datetime | None
    waits_days: int | None


def get_application(
    application_id: UUID, *, actor: Actor, permission: Permission = Permission.VIEW_APPLICATIONS, lock: bool = False
) -> Application:
    """An application within scope; raises NoResultFound (404) outside. ``lock`` holds the row until the end."""
    chosen = sa.select(Application).where(Application.id == application_id, within(Application.union_id, actor, permission))
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return db.session.scalars(chosen).one()


def _applications(actor: Actor, permission: Permission, q: str | None, status: str | None) -> sa.Select:
    chosen = (
        sa.select(
            Application.id, Application.name, Application.occupation, Application.industry,
            Division.name.label("county"), Union.name.label("union_name"), Application.channel, Application.status,
            Application.created_at, Application.submitted_at,
        )
        .join(Division, Division.code == Application.work_county_code)
        .join(Union, Union.id == Application.union_id)
        .where(within(Application.union_id, actor, permission))
    )  # fmt: skip
    if status:
        chosen = chosen.where(Application.status == status)
    if q:
        chosen = chosen.where(Application.name.startswith(q, autoescape=True))
    return chosen


def _row(found: sa.Row) -> Row:
    waits = None
    if found.status is ApplicationStatus.SUBMITTED and found.submitted_at:
        waits = (clock.today() - clock.business_day(found.submitted_at)).days
    return Row(found.id, mask_name(found.name), found.occupation, found.industry, found.county, found.union_name,
               found.channel, found.status, found.created_at, found.submitted_at, waits)  # fmt: skip


def list_applications(
    *,
    actor: Actor,
    q: str | None = None,
    status: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Applications within scope, a page at a time: those that wait longest first, everything else newest first."""
    chosen = _applications(actor, Permission.VIEW_APPLICATIONS, q, status)
    waiting = status == ApplicationStatus.SUBMITTED
    time = Application.submitted_at if waiting else Application.created_at
    found = keyset(
        chosen, (time, Application.id), lambda row: (row.submitted_at if waiting else row.created_at, row.id),
        before=before, after=after, descending=not waiting, scalars=False,
    )  # fmt: skip
    return Slice([_row(row) for row in found], found.before, found.after)


def list_by_key(key: str, *, actor: Actor, limit: int = LIMIT) -> list[Row]:
    """Applications within scope that bear exactly this phone or document number, newest first."""
    if is_phone(key):
        exact = Application.phone_index == Application.phone.lookup(key)
    else:
        exact = Application.id_number_index == Application.id_number.lookup(normal_id_number(key))
    chosen = _applications(actor, Permission.VIEW_APPLICATIONS, None, None).where(exact)
    chosen = chosen.order_by(Application.created_at.desc(), Application.id.desc()).limit(limit)
    return [_row(found) for found in db.session.execute(chosen)]


def stream_applications(*, actor: Actor, q: str | None = None, status: str | None = None):
    """All of them, for an export: rows come from the database in batches."""
    chosen = _applications(actor, Permission.EXPORT_PEOPLE, q, status).where(
        within(Application.union_id, actor, Permission.VIEW_APPLICATIONS)
    )
    chosen = chosen.order_by(Application.created_at.desc(), Application.id.desc()).execution_options(yield_per=500)
    for found in db.session.execute(chosen):
        yield _row(found)


def count_waiting(*, actor: Actor, limit: int = 100) -> int:
    """How many applications wait within scope, counted up to ``limit``."""
    waiting = (
        sa.select(sa.literal(1))
        .where(
            Application.status == ApplicationStatus.SUBMITTED,
            within(Application.union_id, actor, Permission.VIEW_APPLICATIONS),
        )
        .limit(limit)
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(waiting.subquery()))


def county_name(code: str) -> str:
    """A county with its city: 郑州市金水区."""
    city = aliased(Division)
    row = db.session.execute(
        sa.select(city.name.label("city"), Division.name)
        .outerjoin(city, sa.and_(city.code == Division.parent_code, city.statutory))
        .where(Division.code == code)
    ).one_or_none()
    return f"{row.city or ''}{row.name}" if row else code


def find_home_union(union_id: UUID) -> Union | None:
    """The union an application goes to."""
    return db.session.get(Union, union_id)


def status_now(application_id: UUID) -> ApplicationStatus:
    """The state of an application as it is committed now, whatever this session read before."""
    return db.session.scalar(sa.select(Application.status).where(Application.id == application_id))


def list_workers_locked(ids: set[UUID]) -> dict[UUID, Worker]:
    """Workers by id, their rows locked until the end in a fixed order, so that two who need the same never stall."""
    locked = (
        sa.select(Worker)
        .where(Worker.id.in_(ids))
        .order_by(Worker.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {worker.id: worker for worker in db.session.scalars(locked)}


def lock_worker(worker_id: UUID) -> Worker:
    """One worker, of a merged record its survivor, the row locked until the end."""
    worker = list_workers_locked({worker_id})[worker_id]
    return lock_worker(worker.merged_into_id) if worker.merged_into_id else worker
