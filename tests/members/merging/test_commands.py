"""Merging and undoing: everything follows, nothing is lost, and undoing puts back exactly what was."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db as database
from portal.members.joining import commands as joining_commands
from portal.members.joining import queries as joining
from portal.members.memberships import commands as membership_commands
from portal.members.memberships import queries as memberships
from portal.members.memberships.commands import AlreadyMember
from portal.members.merging import commands
from portal.members.merging.models import NotSamePeople, WorkerMerge
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.models import Purpose, Worker
from portal.sessions import Session
from portal.stations.visits import queries as visits
from portal.types import Refused
from portal.vocabulary import BasicService, IdType, Occupation
from tests.factories.joining import make_application, make_invitation, make_member
from tests.factories.merging import make_pair, serve
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number, make_phone, make_worker, sign_in_worker

# Nothing of these is compared: they say that something was done, or who is signed in.
LOGS = ("audit_entries", "audit_waiting", "audit_seals", "worker_merges", "sessions", "idempotency_keys", "alembic_version")


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


def rows(db) -> dict[str, list]:
    """Every row of every table that holds data, as text."""
    tables = db.session.scalars(
        sa.text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND NOT relispartition ORDER BY relname")
    ).all()  # fmt: skip
    found = {}
    for table in tables:
        if table not in LOGS:
            found[table] = sorted(db.session.scalars(sa.text(f'SELECT t::text FROM "{table}" t')))
    return found


def merge(survivor, merged, **keep):
    done = commands.merge(survivor=survivor, merged=merged, keep=keep, reason="both cards shown", by=SYSTEM)
    database.session.commit()
    return done


def undo(done) -> int:
    left = commands.undo(merge=done, by=SYSTEM)
    database.session.commit()
    return left


def rich_pair(db, station):
    """Two records that have something of everything."""
    one, other = make_pair(station, name="李志强", other_name="李自强")
    one.never_invite_at = other.unrecorded_since = None
    for person in (one, other):
        worker_commands.ensure_card(worker=person, by=SYSTEM)
        worker_commands.issue_printed_card(worker=person, by=SYSTEM)
        for purpose in (Purpose.CONTACT, Purpose.SERVICE_RECORD):
            worker_commands.give_consent(worker=person, purpose=purpose, notice_version="1", channel="x", by=SYSTEM)
    worker_commands.add_phone(worker=other, phone=make_phone(), by=SYSTEM)
    worker_commands.never_invite(worker=other, by=SYSTEM)
    with db.session.no_autoflush:
        other.id_type, other.id_number = IdType.RESIDENT_ID, make_id_number()
    db.session.commit()
    make_invitation(one), make_application(other, id_number=other.id_number)
    return one, other


def test_every_table_that_refers_to_a_worker_says_what_a_merge_does_with_it(application):
    told = set(commands.FOLLOWS) | set(commands.STAYS)
    refers = {
        table.name
        for table in database.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "workers"
    }
    assert refers - told == set()
    assert set(commands.FOLLOWS) & set(commands.STAYS) == set()


def test_every_key_of_both_finds_the_one_who_stayed(db, station):
    one, other = rich_pair(db, station)
    phones = [contact.phone for contact in workers.list_phones(other.id)]
    cards, number = [card.code for card in workers.list_cards(other.id) if card.kind == "printed"], other.id_number
    merge(one, other)
    for key in (*phones, *cards, number):
        found = workers.find_by_key(key)
        assert [worker.id for worker in found.workers] == [one.id], found.kind
    assert workers.get_worker(other.id).id == workers.find_worker(other.id).id == one.id
    assert set(workers.same_person(other.id)) == set(workers.same_person(one.id)) == {one.id, other.id}
    assert workers.same_person(other.id)[0] == one.id
    assert joining.find_open(one.id) is not None
    assert db.session.get(Worker, one.id).never_invite_at is not None  # what was refused stays refused
    assert len(visits.list_visits_of_worker(one.id)) == 2 and visits.count_visits_of_worker(one.id) == 2
    assert visits.footprint(one.id).this_month == 2


def test_undoing_puts_every_row_back(db, station):
    one, other = rich_pair(db, station)
    before = rows(db)
    done = merge(one, other, name="merged", occupation="merged", document="merged")
    assert rows(db) != before
    assert undo(done) == 0
    after = rows(db)
    assert {table for table in before if before[table] != after[table]} == set()


def test_undoing_a_merge_with_two_documents_puts_both_back(db, station):
    one, other = make_pair(station)
    with db.session.no_autoflush:
        one.id_type, one.id_number = IdType.PASSPORT, "E12345678"
        other.id_type, other.id_number = IdType.RESIDENT_ID, make_id_number()
    db.session.commit()
    before, numbers = rows(db), ("E12345678", other.id_number)
    done = merge(one, other, document="merged")
    assert db.session.get(Worker, one.id).id_number == numbers[1]
    assert [workers.find_by_id_number(number).id for number in numbers] == [one.id, one.id]
    assert undo(done) == 0 and rows(db) == before


def test_what_happened_since_stays_with_the_survivor(db, station):
    one, other = rich_pair(db, station)
    done = merge(one, other, name="merged")
    new_phone = make_phone()
    worker_commands.add_phone(worker=workers.get_worker(one.id), phone=new_phone, by=SYSTEM)
    db.session.get(Worker, one.id).name = "王小明"
    db.session.commit()
    serve(workers.get_worker(other.id), station, BasicService.HOT_MEAL, clock.now() + timedelta(hours=3))
    assert undo(done) == 1  # the name was changed since, so it stays as it is
    assert db.session.get(Worker, one.id).name == "王小明"
    assert [worker.id for worker in workers.find_by_phone(new_phone)] == [one.id]
    assert workers.get_worker(other.id).id == other.id
    assert visits.count_visits_of_worker(one.id) == 2 and visits.count_visits_of_worker(other.id) == 1


def test_what_the_other_record_had_today_is_seen_but_nothing_becomes_a_repeat(db, station):
    one, other = make_worker(phone=None), make_worker(phone=None)
    morning = clock.start_of(clock.today()) + timedelta(hours=9)
    serve(other, station, BasicService.DRINKING_WATER, morning)
    merge(one, other)
    with clock.stopped_at(morning + timedelta(hours=4)):
        assert [given.service for given in visits.list_given_today(one.id)] == [BasicService.DRINKING_WATER]
        logged = serve(workers.get_worker(other.id), station, BasicService.DRINKING_WATER)
        assert not logged.repeated
        assert not logged.first_ever  # nobody is new a second time
        again = serve(workers.get_worker(one.id), station, BasicService.DRINKING_WATER, morning + timedelta(hours=6))
        assert again.repeated
        assert visits.today(station.id, clock.today()).identified == 1


def test_a_tap_on_a_screen_drawn_before_the_merge_is_the_survivor_s(db, station):
    """The tile still holds the merged record; a second tap, and a retry after it, get the first line."""
    one, other = make_worker(phone=None), make_worker(phone=None)
    merge(one, other)
    first, second = serve(other, station), serve(other, station)
    assert first.fresh and not second.fresh and second.line_id == first.line_id
    assert serve(one, station).line_id == first.line_id
    for table in ("visits", "recent_stays", "recent_services"):
        assert db.session.scalars(sa.text(f"SELECT DISTINCT worker_id FROM {table}")).all() == [one.id], table


def test_a_membership_is_found_through_either_record_and_keeps_its_number(db, tree, station):
    one, other = make_pair(station)
    membership = make_member(other)
    merge(one, other)
    assert memberships.find_membership(one.id).id == memberships.find_membership(other.id).id == membership.id
    assert joining.standing(one.id).membership_number == membership.number
    assert [problem.code for problem in joining.problems_with_inviting(one.id)] == ["already_member"]
    with pytest.raises(AlreadyMember):
        membership_commands.admit(worker_id=one.id, union_id=tree.county.id, county_code="410105", by=SYSTEM)
    db.session.rollback()


def test_two_memberships_are_refused_in_words(db, tree, station):
    one, other = make_pair(station)
    numbers = [make_member(person).number for person in (one, other)]
    with pytest.raises(Refused) as refused:
        merge(one, other)
    assert [problem.code for problem in refused.value.problems] == ["two_memberships"]
    assert all(number in str(refused.value.problems[0].says) for number in numbers)
    db.session.rollback()


def test_two_open_applications_are_refused_in_words(db, tree, station):
    one, other = make_pair(station)
    make_application(one), make_application(other)
    with pytest.raises(Refused) as refused:
        merge(one, other)
    assert [problem.code for problem in refused.value.problems] == ["two_applications"]
    db.session.rollback()


def test_an_invitation_to_the_merged_record_is_the_survivor_s(db, tree, station):
    one, other = make_pair(station)
    _, token = make_invitation(other)
    merge(one, other)
    assert joining.find_invitation(token).worker_id == one.id
    with pytest.raises(Refused):  # invited a moment ago under the other record
        joining_commands.invite(worker=db.session.get(Worker, other.id), visit_id=one.id, visit_at=clock.now(),
                                station_id=None, county_code="410105", by=SYSTEM)  # fmt: skip
    db.session.rollback()


def test_sessions_of_the_merged_record_end_and_after_undoing_those_of_the_survivor(db, app, station):
    one, other = make_pair(station)
    clients = [app.test_client(), app.test_client()]
    for client, person in zip(clients, (one, other), strict=True):
        sign_in_worker(client, person)
    done = merge(one, other)
    assert [client.get("/me").status_code for client in clients] == [200, 302]
    undo(done)
    assert clients[0].get("/me").status_code == 302
    assert db.session.scalar(sa.select(sa.func.count(Session.id)).where(Session.revoked_at.is_(None))) == 0


def test_a_withdrawn_record_stays_withdrawn(db, station):
    one, other = make_pair(station)
    for person in (one, other):
        worker_commands.give_consent(worker=person, purpose=Purpose.SERVICE_RECORD, notice_version="1", channel="x", by=SYSTEM)
    worker_commands.withdraw_consent(worker=other, purpose=Purpose.SERVICE_RECORD, by=SYSTEM)
    db.session.commit()
    before = rows(db)
    done = merge(one, other)
    assert db.session.get(Worker, one.id).unrecorded_since is not None
    assert not workers.has_consent(one.id, Purpose.SERVICE_RECORD)
    assert undo(done) == 0 and rows(db) == before


def test_merges_upon_merges_lead_to_the_last_survivor_in_one_step(db, station):
    a, b, c = (make_worker() for _ in range(3))
    first = merge(b, c)
    second = merge(a, workers.get_worker(b.id))
    assert {workers.get_worker(one.id).id for one in (a, b, c)} == {a.id}
    with pytest.raises(Refused) as refused:
        undo(first)
    assert refused.value.problems[0].code == "merged_later"
    db.session.rollback()
    undo(second)
    assert [workers.get_worker(one.id).id for one in (a, b, c)] == [a.id, b.id, b.id]
    undo(first)
    assert workers.get_worker(c.id).id == c.id
    with pytest.raises(Refused) as refused:
        undo(first)
    assert refused.value.problems[0].code == "undone"
    db.session.rollback()


def at_once(app, *works):
    barrier, answers = Barrier(len(works), timeout=20), []

    def run(work):
        with app.app_context():
            barrier.wait()
            try:
                work()
                database.session.commit()
                answers.append("done")
            except Refused as refused:
                database.session.rollback()
                answers.append(refused.problems[0].code)

    threads = [Thread(target=run, args=(work,)) for work in works]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sorted(answers)


def by_ids(survivor, merged):
    def work():
        get = database.session.get
        commands.merge(survivor=get(Worker, survivor), merged=get(Worker, merged), keep={}, reason="x", by=SYSTEM)

    return work


def test_two_merges_at_once_are_one(app, db):
    a, b = make_worker().id, make_worker().id
    assert at_once(app, by_ids(a, b), by_ids(b, a), by_ids(a, b)) == ["done", "merged_already", "merged_already"]
    assert db.session.scalar(sa.select(sa.func.count(WorkerMerge.id))) == 1


def test_a_circle_of_merges_at_once_is_none(app, db):
    a, b, c = (make_worker().id for _ in range(3))
    answers = at_once(app, by_ids(a, b), by_ids(b, c), by_ids(c, a))
    assert answers.count("done") in (1, 2)
    ends = {workers.get_worker(one).id for one in (a, b, c)}
    assert len(ends) == 3 - answers.count("done")
    assert all(db.session.get(Worker, end).merged_into_id is None for end in ends)


def test_two_undos_at_once_are_one(app, db):
    done = merge(make_worker(), make_worker()).id
    work = lambda: commands.undo(merge=database.session.get(WorkerMerge, done), by=SYSTEM)  # noqa: E731 - said once
    assert at_once(app, work, work) == ["done", "undone"]


# --- what the database refuses -------------------------------------------------------------------------------------


def refuses(db, constraint, statement, **values):
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        db.session.execute(sa.text(statement), values)
    db.session.rollback()


def test_no_chain_and_no_circle(db):
    a, b, c = (make_worker().id for _ in range(3))
    into = "UPDATE workers SET merged_into_id = :to WHERE id = :one"
    refuses(db, "ck_workers_merged_into_another|tr_workers_merged_in_one_step", into, one=a, to=a)
    db.session.execute(sa.text(into), {"one": b, "to": a})
    db.session.commit()
    chained = "a merged record leads to its survivor in one step"
    for one, to in ((c, b), (a, c), (a, b)):
        refuses(db, chained, into, one=one, to=to)


def test_a_record_is_merged_once_and_into_another(db):
    a, b = make_worker(), make_worker()
    merge(a, b)
    again = ("INSERT INTO worker_merges (id, survivor_id, merged_id, reason, changes_cipher, at)"
             " SELECT gen_random_uuid(), {survivor}, merged_id, 'x', 'x', at FROM worker_merges")  # fmt: skip
    refuses(db, "uq_worker_merges_open", again.format(survivor="survivor_id"))
    refuses(db, "ck_worker_merges_two_records", again.format(survivor="merged_id"))
    refuses(db, "ck_worker_merges_undone_after", "UPDATE worker_merges SET undone_at = at - interval '1s'")


def test_a_pair_is_written_once_and_in_order(db):
    a, b = sorted(make_worker().id for _ in range(2))
    write = "INSERT INTO not_same_people (a_id, b_id, at) VALUES (:a, :b, now())"
    refuses(db, "ck_not_same_people_in_order", write, a=b, b=a)
    db.session.execute(sa.text(write), {"a": a, "b": b})
    db.session.commit()
    refuses(db, "pk_not_same_people", write, a=a, b=b)


def test_two_people_are_not_merged_until_it_is_taken_back(db):
    a, b, c = make_worker(), make_worker(), make_worker()
    for _twice in range(2):
        commands.say_apart(one=b, other=a, by=SYSTEM)
    assert db.session.scalar(sa.select(sa.func.count(NotSamePeople.a_id))) == 1
    merge(a, c)  # it holds for whoever a becomes
    with pytest.raises(Refused) as refused:
        merge(b, workers.get_worker(c.id))
    assert refused.value.problems[0].code == "said_apart"
    db.session.rollback()
    commands.take_back_apart(one=workers.get_worker(c.id), other=workers.get_worker(b.id), by=SYSTEM)
    merge(workers.get_worker(b.id), workers.get_worker(a.id))
    assert {workers.get_worker(one.id).id for one in (a, b, c)} == {b.id}


def test_the_trail_says_who_merged_and_holds_no_values(db, station):
    one, other = rich_pair(db, station)
    phone, number = workers.list_phones(one.id)[0].phone, other.id_number
    undo(merge(one, other))
    said = "\n".join(
        db.session.scalars(sa.text("SELECT action || details::text FROM audit_entries WHERE action LIKE 'workers.%'"))
    )
    assert "workers.merged" in said and "workers.parted" in said and "both cards shown" in said
    kept = db.session.scalars(sa.select(WorkerMerge.changes_cipher)).one()
    for secret in (phone, number, "李自强"):
        assert secret not in said and secret.encode() not in kept


def test_occupation_and_by(db):
    one, other = make_worker(occupation=Occupation.COURIER), make_worker(occupation=Occupation.OTHER)
    done = commands.merge(survivor=one, merged=other, keep={"occupation": "merged"}, reason="x", by=By("worker", one.id))
    db.session.commit()
    person = db.session.get(Worker, one.id)
    assert person.occupation is Occupation.OTHER and not person.is_new_form_worker and done.by_account_id is None
