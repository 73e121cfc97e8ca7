"""Changes of joining: invite, answer, apply, confirm, decide. Nobody is a member who did not confirm it themselves."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import audit, clock, outbox
from portal.access import By
from portal.crypto import token_digest
from portal.db import db
from portal.i18n import DEFAULT, in_language
from portal.members.joining import queries, rules
from portal.members.joining.models import (
    TRANSITIONS,
    Application,
    ApplicationStatus,
    Invitation,
    InvitationOutcome,
    JoinChannel,
)
from portal.members.joining.rules import Written
from portal.members.memberships import commands as memberships
from portal.members.memberships import queries as membership_queries
from portal.members.memberships.models import Membership
from portal.members.workers import commands as workers
from portal.members.workers import queries as worker_queries
from portal.members.workers.models import Purpose, Worker
from portal.members.workers.rules import mask_id_number, mask_name, mask_phone, normal_id_number, normal_phone
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.tree.queries import home_union_for_county
from portal.vocabulary import NEW_FORM_OCCUPATIONS

S = ApplicationStatus


def _home(county_code: str):
    union = home_union_for_county(county_code)
    if union is None:
        says = text(N_("No union stands at this county yet. Please choose another county."))
        raise Refused([Problem("no_union", says, field="work_county_code")])
    return union


# --- invitations ---------------------------------------------------------------------------------------------------


def _new_invitation(
    worker: Worker, outcome: InvitationOutcome, visit: tuple[UUID, datetime], station_id: UUID, county: str, by: By
) -> tuple[Invitation, str]:
    token, moment, home = secrets.token_urlsafe(32), clock.now(), _home(county)
    invitation = Invitation(
        id=new_id(),
        token_digest=token_digest(token),
        worker_id=worker.id,
        union_id=home.id,
        station_id=station_id,
        visit_id=visit[0],
        visit_at=visit[1],
        invited_by=by.id if by.kind == "staff" else None,
        outcome=outcome,
        created_at=moment,
        expires_at=moment + rules.INVITATION_LIFE,
        answered_at=None if outcome is InvitationOutcome.OFFERED else moment,
    )
    db.session.add(invitation)
    db.session.flush()
    audit.record("invitation.made", by=by, subject=invitation, union_id=home.id, outcome=outcome.value)
    return invitation, token


def invite(*, worker: Worker, visit_id: UUID, visit_at: datetime, station_id: UUID, county_code: str, by: By) -> str:
    """Invite a worker after a service; answers the token of `/join/<token>`, good for thirty days. Raises Refused."""
    worker = queries.lock_worker(worker.id)
    if problems := queries.problems_with_inviting(worker.id):
        raise Refused(problems)
    offered = InvitationOutcome.OFFERED
    return _new_invitation(worker, offered, (visit_id, visit_at), station_id, county_code, by)[1]


def decline_invitation(
    *, worker: Worker, never: bool, visit_id: UUID, visit_at: datetime, station_id: UUID, county_code: str, by: By
) -> None:
    """Write down at the desk that a worker does not want to be invited now, or never; they are served all the same."""
    worker = queries.lock_worker(worker.id)
    outcome = InvitationOutcome.NEVER if never else InvitationOutcome.NOT_NOW
    if all(problem.code == "no_consent" for problem in queries.problems_with_inviting(worker.id)):
        _new_invitation(worker, outcome, (visit_id, visit_at), station_id, county_code, by)
    if never:
        workers.never_invite(worker=worker, by=by)


def open_invitation(*, invitation: Invitation, by: By) -> None:
    """The invited person starts the form; the first time counts."""
    opened = db.session.execute(
        sa.update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.outcome == InvitationOutcome.OFFERED)
        .values(outcome=InvitationOutcome.OPENED, opened_at=clock.now())
    ).rowcount
    if opened:
        audit.record("invitation.opened", by=by, subject=invitation, union_id=invitation.union_id)


def answer_invitation(*, invitation: Invitation, never: bool, by: By) -> None:
    """The invited person says: not this time, or never again."""
    outcome = InvitationOutcome.NEVER if never else InvitationOutcome.NOT_NOW
    answered = db.session.execute(
        sa.update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.outcome != InvitationOutcome.APPLIED)
        .values(outcome=outcome, answered_at=clock.now())
    ).rowcount
    if answered:
        audit.record("invitation.answered", by=by, subject=invitation, union_id=invitation.union_id, outcome=outcome.value)
    if never:
        workers.never_invite(worker=queries.lock_worker(invitation.worker_id), by=by)


# --- applying ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of an application when its applicant confirmed it."""

    kind: Literal["submitted", "already_member", "already_open", "stale"]
    application: Application
    membership: Membership | None = None
    own: bool = False  # the membership is the confirming person's own record, not found by its document number


def apply(
    *,
    worker: Worker,
    written: Written,
    invitation: Invitation | None,
    channel: JoinChannel,
    notice_version: str,
    by: By,
) -> Application:
    """Write an application down, waiting for the worker's own confirmation; replaces one that was never confirmed.

    Raises Refused when one is already with the union.
    """
    home = _home(written.work_county_code)
    worker = queries.lock_worker(worker.id)
    current = queries.find_open(worker.id)
    if current and current.status is not S.UNCONFIRMED:
        raise Refused([_problem_open(current)])
    if current:
        _move(current, S.WITHDRAWN, by)
    application = Application(
        id=new_id(),
        worker_id=worker.id,
        invitation_id=invitation.id if invitation else None,
        station_id=invitation.station_id if invitation else None,
        visit_id=invitation.visit_id if invitation else None,
        visit_at=invitation.visit_at if invitation else None,
        channel=channel,
        status=S.UNCONFIRMED,
        created_at=clock.now(),
    )
    _write(application, written, home.id, notice_version)
    db.session.add(application)
    db.session.flush()
    audit.record(
        "application.written", by=by, subject=application, union_id=home.id, channel=channel.value,
        name=mask_name(written.name), phone=mask_phone(written.phone), id_number=mask_id_number(written.id_number),
    )  # fmt: skip
    return application


def _problem_open(current: Application) -> Problem:
    if current.status is S.RETURNED:
        return Problem("returned", text(N_("Your application came back for correction. Sign in and open it under Me.")))
    return Problem("application_open", text(N_("Your application is already with the union; one is enough.")))


def _write(application: Application, written: Written, union_id: UUID, notice_version: str) -> None:
    application.union_id = union_id
    application.name = written.name
    application.id_type = written.id_type
    application.id_number = normal_id_number(written.id_number)
    application.phone = normal_phone(written.phone)
    application.occupation = written.occupation
    application.industry = written.industry
    application.employer_name = written.employer_name
    application.work_county_code = written.work_county_code
    application.is_migrant_worker = written.is_migrant_worker
    application.notice_version = notice_version


def _move(application: Application, to: ApplicationStatus, by: By, **values) -> bool:
    """Change the state if it is still the one we saw, and only along the table of transitions."""
    if to not in TRANSITIONS[application.status]:
        return False
    moved = db.session.execute(
        sa.update(Application)
        .where(Application.id == application.id, Application.status == application.status)
        .values(status=to, **values)
        .returning(Application.id),
    ).scalar_one_or_none()
    if moved is None:
        return False
    before = application.status
    db.session.refresh(application)
    audit.record("application." + to.value, by=by, subject=application, union_id=application.union_id,
                 was=before.value, opinion=values.get("opinion"))  # fmt: skip
    return True


def confirm(*, application: Application, by: By) -> Outcome:
    """The phone of an application answered with its code (or its worker is signed in): now the union may see it.

    Only here is it said whether somebody is a member already, so that nobody can probe document numbers. Whose
    application it is, is decided by the document first, then by the confirmed phone, then by the invitation.
    """
    if application.status is not S.UNCONFIRMED:
        return Outcome("stale", application)
    person = _applicant(application, by)
    locked = queries.list_workers_locked({application.worker_id, person.id})
    person = locked[person.id]
    db.session.refresh(application)
    if application.status is not S.UNCONFIRMED:
        return Outcome("stale", application)
    if membership := membership_queries.find_membership(person.id):
        own = worker_queries.find_phone(person.id, application.phone) is not None
        _move(application, S.WITHDRAWN, by)
        return Outcome("already_member", application, membership, own=own)
    other = queries.find_open(person.id)
    if other and other.id != application.id:
        if other.status is not S.UNCONFIRMED:
            _move(application, S.WITHDRAWN, by)
            return Outcome("already_open", application)
        _move(other, S.WITHDRAWN, by)
    if person.id != application.worker_id:
        audit.record("application.reassigned", by=by, subject=application, union_id=application.union_id,
                     was=application.worker_id, now=person.id)  # fmt: skip
        application.worker_id = person.id
        db.session.flush()
    moment = clock.now()
    _move(application, S.SUBMITTED, by, confirmed_at=moment, submitted_at=moment)
    workers.give_consent(worker=person, purpose=Purpose.MEMBERSHIP, notice_version=application.notice_version,
                         channel="join", by=by)  # fmt: skip
    if application.invitation_id:
        db.session.execute(
            sa.update(Invitation)
            .where(Invitation.id == application.invitation_id)
            .values(
                outcome=InvitationOutcome.APPLIED,
                answered_at=moment,
                opened_at=sa.func.coalesce(Invitation.opened_at, moment),
            )
        )
    return Outcome("submitted", application)


def _applicant(application: Application, by: By) -> Worker:
    """Whose application this is.

    A phone is attached here only to a record that has none, or to the signed-in worker's own: whoever types another
    person's document number must not become able to sign in as that person. The officer's approval attaches the rest.
    """
    owner = worker_queries.find_by_id_number(application.id_number, application.id_type)
    if owner:
        return owner
    invited = worker_queries.get_worker(application.worker_id)
    other_document = invited.id_type is not None
    known = worker_queries.find_phone(invited.id, application.phone) is not None
    itself = by.kind == "worker" and by.id == invited.id
    if itself or (not other_document and (known or worker_queries.current_phone(invited) is None)):
        workers.add_phone(worker=invited, phone=application.phone, confirmed_at=clock.now(), by=by)
        return invited
    person = workers.register_worker(
        occupation=application.occupation,
        phone=application.phone,
        name=application.name,
        another=other_document and known,
        by=by,
    )
    workers.add_phone(worker=person, phone=application.phone, confirmed_at=clock.now(), by=by)
    return person


def correct(*, application: Application, written: Written, notice_version: str, by: By) -> None:
    """The worker sends a returned application again, corrected. Raises Refused if it is not waiting for that."""
    home = _home(written.work_county_code)
    queries.lock_worker(application.worker_id)
    db.session.refresh(application)
    if application.status is not S.RETURNED:
        raise Refused([_problem_open(application)])
    _write(application, written, home.id, notice_version)
    db.session.flush()
    _move(application, S.SUBMITTED, by, submitted_at=clock.now())


def withdraw(*, application: Application, by: By) -> bool:
    """The worker takes an open application back; False if it is open no more."""
    return _move(application, S.WITHDRAWN, by)


# --- deciding ------------------------------------------------------------------------------------------------------


def decide(
    *, application: Application, decision: ApplicationStatus, opinion: str | None, decider: str, by: By
) -> Membership | None:
    """Approve, return or reject; of two decisions at once the first counts. Raises Refused, in words.

    Approving makes the membership and moves what was written onto the worker.
    """
    problems = rules.problems_with_deciding(
        application.status, decision, applicant=application.name, decider=decider, opinion=opinion
    )
    if problems:
        raise Refused(problems)
    membership = _admit(application, by) if decision is S.APPROVED else None
    if not _move(application, decision, by, decided_at=clock.now(), decided_by=by.id, opinion=opinion):
        raise Refused([rules.problem_decided(queries.status_now(application.id))])
    _tell(application, membership)
    return membership


def _admit(application: Application, by: By) -> Membership:
    worker = queries.lock_worker(application.worker_id)
    owner = worker_queries.find_by_id_number(application.id_number, application.id_type)
    if owner and owner.id != worker.id:
        raise Refused([_problem_other_record(owner)])
    if worker.id_type and not owner:
        says = text(N_("Another document is on record for this person. Return it and ask which one is right."))
        raise Refused([Problem("other_document", says)])
    if held := membership_queries.find_membership(worker.id):
        home = membership_queries.find_home(held.id)
        raise Refused([rules.problem_already_member(held.number, home.name if home else None)])
    try:
        with db.session.begin_nested():
            worker.id_type, worker.id_number = application.id_type, application.id_number
            worker.name, worker.industry = application.name, application.industry
            worker.occupation, worker.is_migrant_worker = application.occupation, application.is_migrant_worker
            worker.is_new_form_worker = application.occupation in NEW_FORM_OCCUPATIONS
            db.session.flush()
            workers.add_phone(worker=worker, phone=application.phone, confirmed_at=application.confirmed_at, by=by)
            visit = (application.visit_id, application.visit_at) if application.visit_id else None
            return memberships.admit(
                worker_id=worker.id, union_id=application.union_id, county_code=application.work_county_code,
                application_id=application.id, visit=visit, by=by,
            )  # fmt: skip
    except IntegrityError as error:
        constraint = getattr(error.orig.diag, "constraint_name", "")
        if constraint == "uq_workers_id_number":  # somebody else took this document while we looked
            raise Refused([_problem_other_record(None)]) from error
        raise


def _problem_other_record(owner: Worker | None) -> Problem:
    held = membership_queries.find_membership(owner.id) if owner else None
    if held:
        home = membership_queries.find_home(held.id)
        return rules.problem_already_member(held.number, home.name if home else None)
    says = text(N_("The same document stands on another person's record. Compare the two before you decide."))
    return Problem("same_document", says)


_TOLD = {
    S.APPROVED: N_("Welcome to the union. Your membership number is %(number)s, your home union is %(union)s."),
    S.RETURNED: N_("Your application to join needs a correction: %(opinion)s Sign in and open it under Me."),
    S.REJECTED: N_("Your application to join was not approved: %(opinion)s You are served all the same."),
}  # fmt: skip


def _tell(application: Application, membership: Membership | None) -> None:
    home = queries.find_home_union(application.union_id)
    number = membership.number if membership else ""
    says = text(_TOLD[application.status], number=number, union=home.name, opinion=application.opinion or "")
    outbox.post("application", to=application.phone, body=in_language(DEFAULT, says))


# --- who looked ----------------------------------------------------------------------------------------------------


def reveal(*, application: Application, field: Literal["phone", "id_number"], reason: str, by: By) -> str:
    """The whole phone or document number, and an entry that says who looked and why."""
    audit.record("application.revealed", by=by, subject=application, union_id=application.union_id,
                 field=field, reason=reason)  # fmt: skip
    return application.phone if field == "phone" else application.id_number


def note_export(*, union_id: UUID, status: str | None, searched: bool, by: By) -> None:
    """Write down that somebody took the list of applications away."""
    union = queries.find_home_union(union_id)
    audit.record("applications.exported", by=by, subject=union, union_id=union.id, status=status, searched=searched)
