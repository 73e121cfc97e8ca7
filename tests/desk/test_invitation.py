"""After the service, never before: the invitation comes last, with consent, and is easy to leave."""

from __future__ import annotations

import pytest

from portal.access import Role
from portal.members.workers.models import Worker
from tests.factories.joining import agree_to_contact, make_application, make_member
from tests.factories.staff import make_account, sign_in_quickly


@pytest.fixture
def served(db, counter, place):
    """A function: the known worker is served; answers the line's id and the page after it."""

    def serve():
        answer = counter.send(f"{place.address}/visits", {"service": "rest", "worker": str(place.worker)})
        return answer.location.rpartition("=")[2], counter.get(answer.location).text

    return serve


def answer(counter, place, line, what):
    return counter.send(f"{place.address}/invitations", {"line": line, "answer": what})


def invitation_in(page: str) -> str:
    return page.partition('id="invitation"')[2].partition("</section>")[0]


def test_before_the_consent_it_asks_and_shows_no_code(db, counter, place, served, rows):
    line, page = served()
    card = invitation_in(page)
    assert 'value="agreed"' in card and 'value="not_now"' in card and 'value="never"' in card and 'value="show"' not in card
    answer(counter, place, line, "show")  # a form sent by hand
    assert rows("invitations") == 0
    after = counter.get(answer(counter, place, line, "agreed").location).text
    assert 'value="show"' in invitation_in(after)
    assert rows("consents", "purpose = 'contact' AND channel = 'desk' AND withdrawn_at IS NULL") == 1
    answer(counter, place, line, "show")
    assert rows("invitations", "outcome = 'offered'") == 1


def test_never_again_is_never_again(db, counter, place, served, rows):
    agree_to_contact(db.session.get(Worker, place.worker))
    line, _page = served()
    answer(counter, place, line, "never")
    assert rows("workers", "never_invite_at IS NOT NULL") == 1
    page = counter.get(f"{place.address}?line={line}").text
    assert 'id="invitation"' not in page and 'id="not-inviting"' not in page


def test_not_this_time_rests_for_a_month(db, counter, place, served):
    agree_to_contact(db.session.get(Worker, place.worker))
    line, _page = served()
    answer(counter, place, line, "not_now")
    page = counter.get(f"{place.address}?line={line}").text
    assert 'id="invitation"' not in page and 'id="not-inviting"' in page
    assert answer(counter, place, line, "show").location == place.address


@pytest.mark.parametrize("make", [make_member, make_application])
def test_a_member_or_applicant_is_told_so_instead(db, place, served, make):
    worker = db.session.get(Worker, place.worker)
    if make is make_member:
        make_member(worker)
    else:
        from portal.members.joining.models import ApplicationStatus

        make_application(worker, status=ApplicationStatus.SUBMITTED)
    _line, page = served()
    assert 'id="invitation"' not in page and 'id="not-inviting"' in page


def test_a_line_without_a_person_invites_nobody(counter, place, rows):
    sent = counter.send(f"{place.address}/visits", {"service": "rest", "occupation": "courier"})
    line = sent.location.rpartition("=")[2]
    assert 'id="invitation"' not in counter.get(sent.location).text
    assert answer(counter, place, line, "show").status_code == 404 and rows("invitations") == 0


def test_a_hosts_phone_never_invites(client, place, served, rows):
    line, _page = served()
    sign_in_quickly(client, make_account(roles=[(Role.HOST, place.tree.county)], name="银行柜员"))
    for what in ("show", "agreed", "never"):
        assert answer(client, place, line, what).status_code == 403
    assert rows("invitations") == 0 and rows("consents") == 0


@pytest.mark.parametrize("token", ["no-such-token", "a" * 3000])
def test_a_code_is_drawn_for_a_good_invitation_only(db, counter, place, token):
    assert counter.get(f"{place.address}/invitations/{token}").status_code == 404
