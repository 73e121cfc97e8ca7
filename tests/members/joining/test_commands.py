"""Promises of joining that hold when two do the same at once, and when somebody writes another person's number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.members.joining import commands, queries
from portal.members.joining.models import Application, ApplicationStatus, Invitation, InvitationOutcome, JoinChannel
from portal.members.memberships import queries as memberships
from portal.members.memberships.models import Membership
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.models import Purpose, Worker
from portal.outbox import Message
from portal.types import Refused, new_id
from tests.factories.joining import agree_to_contact, make_application, make_invitation, make_member, written
from tests.factories.staff import make_account
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number, make_phone, make_worker

S = ApplicationStatus
ID = "11010519491231002X"


@pytest.fixture
def tree(db):
    return small_tree()


def at_once(app, *works):
    """Run works in threads, each with a context and session of its own; answers results and errors by place."""
    from portal.db import db

    barrier, answers = Barrier(len(works), timeout=20), [None] * len(works)

    def run(place, work):
        with app.app_context():
            barrier.wait()
            try:
                answers[place] = work()
                db.session.commit()
            except Exception as error:
                db.session.rollback()
                answers[place] = error

    threads = [Thread(target=run, args=(place, work)) for place, work in enumerate(works)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def count(db, model) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def invite(worker, by=SYSTEM, county="410105"):
    worker_commands.give_consent(worker=worker, purpose=Purpose.CONTACT, notice_version="1", channel="test", by=SYSTEM)
    return commands.invite(worker=worker, visit_id=new_id(), visit_at=clock.now(), station_id=None, county_code=county, by=by)


def apply(worker, **changes):
    return commands.apply(
        worker=worker,
        written=written(**changes),
        invitation=None,
        channel=JoinChannel.PUBLIC,
        notice_version="1",
        by=SYSTEM,
    )


# --- inviting ------------------------------------------------------------------------------------------------------


def test_two_stations_inviting_at_once_make_one_invitation(app, db, tree):
    worker_id = make_worker().id
    answers = at_once(app, *[lambda: invite(workers.get_worker(worker_id))] * 4)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, Refused) for answer in answers) == 3
    assert count(db, Invitation) == 1


def test_an_invitation_says_who_invited_and_is_good_for_thirty_days(db, tree):
    operator = make_account()
    token = invite(make_worker(), By("staff", operator.id))
    db.session.commit()
    made = db.session.scalars(sa.select(Invitation)).one()
    assert (made.invited_by, made.union_id) == (operator.id, tree.federation_county.id)
    assert token.encode() not in made.token_digest
    with clock.stopped_at(made.created_at + timedelta(days=30) - timedelta(seconds=1)):
        assert queries.find_invitation(token) is made
    with clock.stopped_at(made.created_at + timedelta(days=30)):
        assert queries.find_invitation(token) is None


def test_not_now_is_asked_again_after_thirty_days_and_never_is_never(db, tree):
    worker = make_worker()
    agree_to_contact(worker)
    visit = {"visit_id": new_id(), "visit_at": clock.now(), "station_id": None, "county_code": "410105"}
    commands.decline_invitation(worker=worker, never=False, by=SYSTEM, **visit)
    db.session.commit()
    assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == ["asked_lately"]
    with clock.stopped_at(clock.now() + timedelta(days=30)):
        assert queries.problems_with_inviting(worker.id) == []
        commands.decline_invitation(worker=worker, never=True, by=SYSTEM, **visit)
        db.session.commit()
    with clock.stopped_at(clock.now() + timedelta(days=3000)):
        assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == ["never_invite"]
        with pytest.raises(Refused):
            invite(worker)
    outcomes = list(db.session.scalars(sa.select(Invitation.outcome).order_by(Invitation.created_at)))
    assert outcomes == [InvitationOutcome.NOT_NOW, InvitationOutcome.NEVER]


AT_NIGHT = datetime(2026, 3, 1, 23, 59, tzinfo=clock.SHANGHAI)  # 15:59 UTC: the day in Henan decides, not the one in UTC


@pytest.mark.parametrize(
    ("moment", "problems"),
    [
        (datetime(2026, 3, 30, 23, 59, tzinfo=clock.SHANGHAI), ["asked_lately"]),  # day 29
        (datetime(2026, 3, 31, 0, 0, tzinfo=clock.SHANGHAI), []),  # day 30 begins at midnight in Henan
        (datetime(2026, 3, 30, 16, 0, tzinfo=UTC), []),  # the same moment
    ],
)
@pytest.mark.parametrize("refused", [False, True])
def test_the_thirtieth_day_begins_at_midnight_in_henan(db, tree, moment, problems, refused):
    worker = make_worker()
    agree_to_contact(worker)
    with clock.stopped_at(AT_NIGHT):
        if refused:
            visit = {"visit_id": new_id(), "visit_at": clock.now(), "station_id": None, "county_code": "410105"}
            commands.decline_invitation(worker=worker, never=False, by=SYSTEM, **visit)
        else:
            invite(worker)
        db.session.commit()
    with clock.stopped_at(moment):
        assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == problems


def test_an_old_invitation_answered_late_counts_from_its_answer(db, tree):
    worker = make_worker()
    with clock.stopped_at(AT_NIGHT):
        token = invite(worker)
        db.session.commit()
    with clock.stopped_at(AT_NIGHT + timedelta(days=20)):
        commands.answer_invitation(invitation=queries.find_invitation(token), never=False, by=SYSTEM)
        db.session.commit()
    with clock.stopped_at(AT_NIGHT + timedelta(days=49)):
        assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == ["asked_lately"]
    with clock.stopped_at(AT_NIGHT + timedelta(days=50)):
        assert queries.problems_with_inviting(worker.id) == []


def test_without_consent_an_invitation_is_refused_but_a_no_is_kept(db, tree):
    worker = make_worker()
    visit = {"visit_id": new_id(), "visit_at": clock.now(), "station_id": None, "county_code": "410105", "by": SYSTEM}
    with pytest.raises(Refused) as refused:
        commands.invite(worker=worker, **visit)
    assert refused.value.problems[0].code == "no_consent"
    commands.decline_invitation(worker=worker, never=False, **visit)
    agree_to_contact(worker)
    assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == ["asked_lately"]
    worker_commands.withdraw_consent(worker=worker, purpose=Purpose.CONTACT, by=SYSTEM)
    with clock.stopped_at(clock.now() + timedelta(days=31)):
        assert [problem.code for problem in queries.problems_with_inviting(worker.id)] == ["no_consent"]


def test_where_no_federation_stands_the_nearest_union_is_home(db, tree):
    invite(make_worker(), county="410302")
    assert db.session.scalar(sa.select(Invitation.union_id)) == tree.foreign_county.id
    with pytest.raises(Refused):
        invite(make_worker(), county="999999")


# --- applying ------------------------------------------------------------------------------------------------------


def test_two_applications_at_once_are_exactly_one(app, db, tree):
    worker_id = make_worker(confirmed=True).id

    def work():
        application = apply(workers.get_worker(worker_id))
        return commands.confirm(application=application, by=By("worker", worker_id)).kind

    answers = at_once(app, work, work, work)
    assert answers.count("submitted") == 1
    assert sum(isinstance(answer, Refused) for answer in answers) == 2
    assert count(db, Application) == 1


def test_a_second_open_application_breaks_a_constraint(db, tree):
    worker, other = make_worker(), make_worker()
    apply(worker), apply(other)
    with pytest.raises(sa.exc.IntegrityError, match="uq_applications_open"):
        db.session.execute(sa.update(Application).values(worker_id=worker.id))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"status": "submitted"}, "ck_applications_confirmed_by_worker"),
        ({"status": "approved", "confirmed_at": sa.func.now()}, "ck_applications_decided_whole"),
        ({"status": "returned", "confirmed_at": sa.func.now()}, "ck_applications_refusal_has_reason"),
        ({"id_number_index": None}, "ck_applications_id_indexed"),
        ({"visit_at": sa.func.now()}, "ck_applications_visit_whole"),
        ({"work_county_code": "999999"}, "fk_applications_work_county_code"),
    ],
)
def test_what_an_application_cannot_be(db, tree, values, constraint):
    apply(make_worker())
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        db.session.execute(sa.update(Application).values(**values))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"visit_at": None}, "ck_invitations_visit_whole"),
        ({"expires_at": Invitation.created_at}, "ck_invitations_expires_after_creation"),
    ],
)
def test_what_an_invitation_cannot_be(db, tree, values, constraint):
    invite(make_worker())
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        db.session.execute(sa.update(Invitation).values(**values))


def test_the_document_decides_whose_application_it_is_and_opens_no_door(db, tree):
    owner = make_worker(name="李志强", id_number=ID)
    invited = make_worker(phone=None, name=None)
    phone = make_phone()
    application = make_application(invited, status=S.UNCONFIRMED, id_number=ID, phone=phone)
    outcome = commands.confirm(application=application, by=SYSTEM)
    db.session.commit()
    assert (outcome.kind, application.worker_id) == ("submitted", owner.id)
    # Whoever typed the number cannot sign in as its owner: the phone is attached by the officer's approval only.
    assert workers.find_phone(owner.id, phone) is None
    actions = db.session.scalars(sa.text("SELECT action FROM audit_entries ORDER BY id")).all()
    assert "application.reassigned" in actions


def test_a_forwarded_link_with_another_phone_is_another_person(db, tree):
    invited = make_worker(phone=make_phone(), name="李志强")
    phone = make_phone()
    application = make_application(invited, status=S.UNCONFIRMED, phone=phone, name="王芳")
    commands.confirm(application=application, by=SYSTEM)
    db.session.commit()
    assert application.worker_id != invited.id
    assert workers.find_phone(invited.id, phone) is None
    assert workers.find_phone(application.worker_id, phone).confirmed_at is not None


def test_a_shared_phone_with_another_document_is_another_person(db, tree):
    phone = make_phone()
    invited = make_worker(phone=phone, name="李志强", id_number=make_id_number())
    application = make_application(invited, status=S.UNCONFIRMED, phone=phone, name="王芳")
    commands.confirm(application=application, by=SYSTEM)
    db.session.commit()
    assert application.worker_id != invited.id
    assert len(workers.find_by_phone(phone)) == 2


def test_confirming_twice_is_stale(db, tree):
    application = make_application()
    assert commands.confirm(application=application, by=SYSTEM).kind == "stale"


def test_the_home_union_follows_the_work_county_not_the_station(db, tree):
    worker = make_worker()
    invitation, _token = make_invitation(worker, county_code="410105")
    application = make_application(worker, invitation=invitation, work_county_code="410302")
    assert application.union_id == tree.foreign_county.id


# --- deciding ------------------------------------------------------------------------------------------------------


def decide(application_id, officer, decision=S.APPROVED, opinion=None):
    from portal.db import db

    locked = db.session.scalars(sa.select(Application).where(Application.id == application_id).with_for_update()).one()
    return commands.decide(application=locked, decision=decision, opinion=opinion, decider=officer[1], by=By("staff", officer[0]))


def officers(number=2):
    return [(one.id, one.name) for one in (make_account(name=f"周审核{n}") for n in range(number))]


def test_two_officers_at_once_make_one_member(app, db, tree):
    application_id = make_application().id
    answers = at_once(app, *[lambda one=one: decide(application_id, one).number for one in officers(4)])
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, Refused) for answer in answers) == 3
    assert count(db, Membership) == 1
    assert count(db, Message) == 1


def test_approving_and_rejecting_at_once_is_one_decision(app, db, tree):
    application_id = make_application().id
    one, other = officers()
    loaded = Barrier(2, timeout=20)

    def work(officer, decision, opinion):
        application = queries.find_application(application_id)  # without a lock: both see that it waits
        loaded.wait()
        commands.decide(
            application=application, decision=decision, opinion=opinion, decider=officer[1], by=By("staff", officer[0])
        )
        return decision

    answers = at_once(app, lambda: work(one, S.APPROVED, None), lambda: work(other, S.REJECTED, "材料不全"))
    decided = [answer for answer in answers if isinstance(answer, S)]
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(decided) == len(refused) == 1
    assert refused[0].problems[0].code == "decided"
    db.session.expire_all()
    assert db.session.get(Application, application_id).status is decided[0]
    assert count(db, Membership) == (1 if decided[0] is S.APPROVED else 0)
    assert count(db, Message) == 1


def test_one_document_on_two_records_makes_one_member(app, db, tree):
    first = make_application(make_worker(), id_number=ID).id
    second = make_application(make_worker(), id_number=ID).id
    one, other = officers()
    answers = at_once(app, lambda: decide(first, one).number, lambda: decide(second, other).number)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    refused = next(answer for answer in answers if isinstance(answer, Refused))
    assert refused.problems[0].code in ("already_member", "same_document")
    assert count(db, Membership) == 1


def test_scenario_3_the_same_person_again_by_another_phone_and_way(db, tree):
    member = make_member(make_worker(name="李志强"), id_number=ID)
    again = make_worker(name="李志强")
    application = make_application(again, status=S.UNCONFIRMED, id_number=ID)
    outcome = commands.confirm(application=application, by=SYSTEM)
    db.session.commit()
    assert (outcome.kind, outcome.membership.id) == ("already_member", member.id)
    assert application.status is S.WITHDRAWN
    assert count(db, Membership) == 1


def test_another_document_on_record_is_asked_about(db, tree):
    worker = make_worker(id_number=make_id_number(), confirmed=True)
    phone = workers.current_phone(worker).phone
    application = make_application(worker, phone=phone)
    with pytest.raises(Refused) as refused:
        decide(application.id, officers(1)[0])
    assert refused.value.problems[0].code == "other_document"


def test_approving_attaches_phone_and_document(db, tree):
    owner = make_worker(name="李志强", id_number=ID)
    phone = make_phone()
    application = make_application(make_worker(phone=None), id_number=ID, phone=phone)
    decide(application.id, officers(1)[0])
    db.session.commit()
    assert workers.find_phone(owner.id, phone).confirmed_at is not None
    assert memberships.find_membership(owner.id).application_id == application.id


def test_the_trail_holds_masks_only(db, tree):
    phone = make_phone()
    make_application(make_worker(phone=phone), status=S.APPROVED, phone=phone, id_number=ID)
    rows = db.session.scalars(sa.text("SELECT details::text FROM audit_entries")).all()
    assert rows and all(phone not in row and ID not in row for row in rows)
    assert any(row == "application.approved" for row in db.session.scalars(sa.text("SELECT action FROM audit_entries")))


def test_withdrawn_by_the_worker(db, tree):
    application = make_application()
    assert commands.withdraw(application=application, by=SYSTEM) is True
    assert commands.withdraw(application=application, by=SYSTEM) is False
    db.session.commit()
    assert application.status is S.WITHDRAWN
    worker = db.session.get(Worker, application.worker_id)
    assert queries.find_open(worker.id) is None
    worker_commands.never_invite(worker=worker, by=SYSTEM)
    assert worker.never_invite_at is not None
