"""/welfare/for-me: signed in, by five questions, and beside a programme."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from portal.audit import AuditEntry
from portal.db import db as database
from portal.i18n import COOKIE
from portal.members.workers.models import Worker
from portal.welfare.eligibility.models import LimitPeriod, Standing
from tests.factories.bookings import make_booking
from tests.factories.eligibility import make_person
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_id_number, make_worker, sign_in_worker


@pytest.fixture
def tree(db):
    return small_tree()


def html(answer) -> str:
    return answer.get_data(as_text=True)


def test_five_questions_change_nothing_and_leave_no_trace(client, tree):
    programme = make_programme(tree.county, rule={"min_age": 35})
    said = {"occupation": "courier", "born": "1980-05", "sex": "female", "standing": "anyone", "county": "410105"}
    assert client.get("/welfare/for-me").status_code == 200

    def rows() -> list[int]:
        tables = ("workers", "audit_entries", "idempotency_keys", "consents")
        return [database.session.scalar(sa.text(f"SELECT count(*) FROM {name}")) for name in tables]

    before = rows()
    answer = client.send("/welfare/for-me", said)
    assert answer.status_code == 200 and programme.name in html(answer) and 'id="group-now"' in html(answer)
    assert answer.headers["Cache-Control"] == "no-store" and answer.location is None
    assert rows() == before
    young = client.send("/welfare/for-me", said | {"born": "2005-05"})
    assert 'id="group-later"' in html(young)


def test_a_question_that_is_not_understood_comes_back(client, tree):
    answer = client.send("/welfare/for-me", {"occupation": "", "born": "新年", "standing": "anyone", "county": ""})
    assert answer.status_code == 422 and "新年" in html(answer)
    assert client.send("/welfare/for-me", {"occupation": "courier", "born": "1", "standing": "anyone"}).status_code == 422


def test_joining_is_offered_after_the_answer_and_opens_nothing(client, tree):
    make_programme(tree.county)
    assert "/join" not in main_of(html(client.get("/welfare/for-me")))
    answer = client.send("/welfare/for-me", {"occupation": "courier", "standing": "anyone", "county": "410105"})
    page = main_of(html(answer))
    assert page.index("/join") > page.index('id="group-now"')


def main_of(page: str) -> str:
    return page.split('<main id="main"', 1)[1].split("</main>", 1)[0]


def test_signed_in_says_what_is_missing_and_takes_it(client, tree):
    programme = make_programme(tree.county, rule={"min_age": 35, "sex": "female"})
    worker = make_worker()
    sign_in_worker(client, worker)
    asked = html(client.get("/welfare/for-me"))
    assert 'id="group-ask"' in asked and 'name="born_on"' in asked
    assert client.send("/welfare/for-me/about-me", {"born_on": "1980-05-17", "sex": "female"}).status_code == 303
    stored = database.session.get(Worker, worker.id, populate_existing=True)
    assert (stored.born_on, stored.sex, stored.born_from_document) == (date(1980, 5, 17), "female", False)
    assert 'id="group-now"' in html(client.get("/welfare/for-me")) and programme.name
    (details,) = database.session.scalars(sa.select(AuditEntry.details).where(AuditEntry.action == "worker.stated"))
    assert details == {"sex": True, "born_on": True}
    assert client.send("/welfare/for-me/about-me", {"born_on": "2199-05-17", "sex": ""}).status_code == 422


def test_what_a_document_says_is_not_overwritten(client, tree):
    worker = make_worker(id_number=make_id_number(born=date(1990, 5, 17), order=2))
    sign_in_worker(client, worker)
    assert 'name="born_on"' not in html(client.get("/welfare/for-me"))
    assert client.send("/welfare/for-me/about-me", {"born_on": "1950-05-17", "sex": "male"}).status_code == 422
    stored = database.session.get(Worker, worker.id, populate_existing=True)
    assert (stored.born_on, stored.sex) == (date(1990, 5, 17), "female")


def test_beside_a_programme(client, tree):
    programme = make_programme(tree.county, rule={"audience": "member"})
    assert "/welfare/for-me" in html(client.get(f"/welfare/{programme.code}"))
    retained = make_person(standing=Standing.RETAINED, union=tree.federation_county)
    sign_in_worker(client, retained)
    client.set_cookie(COOKIE, "en")
    assert "A retained membership carries no member rights" in html(client.get(f"/welfare/{programme.code}"))


def test_stating_is_for_who_is_signed_in(client, tree):
    assert client.send("/welfare/for-me/about-me", {"sex": "female"}).status_code == 302


def test_who_cannot_have_it_reads_that_before_the_times(client, tree):
    """Beside a programme the reason stands first; whoever may have it meets the times first. Walking in is said in the list."""
    may, may_not = make_programme(tree.county), make_programme(tree.county, rule={"audience": "member"})
    sign_in_worker(client, make_worker(confirmed=True))
    client.set_cookie(COOKIE, "en")
    for programme, first in ((may, "Book a time"), (may_not, "May I have it?")):
        page = html(client.get(f"/welfare/{programme.code}"))
        assert min(("Book a time", "May I have it?"), key=page.index) == first
    assert "Simply come by; nothing has to be booked." in html(client.get("/welfare/for-me"))


def test_what_is_booked_is_said_once(client, tree):
    """Who booked it and may not have it twice meets their booking, not a refusal: on its page, in the list, at the times."""
    rule = {"person_limit": 1, "limit_period": LimitPeriod.PROGRAMME, "interval_months": 12}
    programme = make_programme(tree.county, rule=rule)
    worker, session = make_worker(confirmed=True), make_session(programme)
    booking = make_booking(session, worker)
    sign_in_worker(client, worker)
    client.set_cookie(COOKIE, "en")
    page = main_of(html(client.get(f"/welfare/{programme.code}")))
    assert f"/me/bookings/{booking.id}" in page and "May I have it?" not in page and f"session={session.id}" not in page
    assert page.count("At most 1 per person") == 1
    assert f"/me/bookings/{booking.id}" in main_of(html(client.get(f"/welfare/{programme.code}/book")))
    listed = main_of(html(client.get("/welfare/for-me")))
    assert 'id="group-booked"' in listed and "At most" not in listed and "group-no" not in listed
