"""The form for anyone, the staff's list, and what they decide."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.db import db as database
from portal.stations.wishes.models import Wish, WishState, WishVoice
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.wishes import make_wish

WISH = {"county_code": "410105", "place": "花园路与农业路口", "missing": ["toilet", "rest"], "occupation": "courier"}


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def english(client):
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def keeper(app, english, tree):
    account = make_account(roles=[(Role.KEEPER, tree.county)])
    with app.test_request_context():
        sign_in_quickly(english, account)
    return english


def body(answer) -> str:
    return answer.get_data(as_text=True)


def test_anyone_wishes_without_an_account(english, tree):
    english.get("/stations/wish")
    answer = english.send("/stations/wish", WISH)
    assert answer.status_code == 303
    page = body(english.get(answer.location))
    assert "on record" in page and "1 wish for this place" in page and "What happens next" in page
    assert "农业路口" not in page  # words of strangers are shown to staff alone
    voice = database.session.scalars(sa.select(WishVoice)).one()
    assert voice.missing == ["toilet", "rest"] and voice.occupation == "courier"


def test_the_same_key_is_one_voice(english, tree):
    english.get("/stations/wish")
    first, second = (english.send("/stations/wish", WISH, key="k" * 20) for _ in range(2))
    assert first.location == second.location
    assert database.session.scalars(sa.select(Wish)).one().voices == 1


def test_a_phone_says_where_it_is_to_a_hundred_metres(english, tree):
    answer = english.get("/stations/wish?lat=34.786523&lng=113.547241")
    assert answer.status_code == 302 and "lat=34.787&lng=113.547" in answer.location
    page = body(english.get(answer.location))
    assert 'value="410102" selected' in page or 'selected value="410102"' in page  # the county that is nearest
    sent = english.send("/stations/wish", WISH | {"county_code": "410102", "lat": "34.78652311", "lng": "113.5472411"})
    assert sent.status_code == 303
    wish = database.session.scalars(sa.select(Wish)).one()
    assert (str(wish.lat), str(wish.lng)) == ("34.787000", "113.547000")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"place": ""}, "Say where"),
        ({"county_code": ""}, "in which county"),
        ({"place": "打 13800138000"}, "numbers out"),
        ({"occupation": "king"}, "Not a valid choice"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed(english, tree, changes, sentence):
    english.get("/stations/wish")
    answer = english.send("/stations/wish", WISH | {"words": "卫生间要远走"} | changes)
    assert answer.status_code == 422
    assert sentence in body(answer) and "卫生间要远走" in body(answer)
    assert database.session.scalar(sa.select(sa.func.count()).select_from(Wish)) == 0


def test_what_is_kept_holds_no_control_signs(english, tree):
    """The inspecting client refuses a page with them; fields that are not text keep what was typed as it came."""
    english.get("/stations/wish")
    answer = english.send("/stations/wish", {"lat": "\0", "lng": "1\x7f", "place": "\x01", "words": "a\x1fb"})
    assert answer.status_code == 422 and re.search(r">\s*ab</textarea>", body(answer))


def test_too_many_from_one_place_must_wait(english, tree):
    english.get("/stations/wish")
    answers = [english.send("/stations/wish", WISH | {"place": f"路口{n}"}).status_code for n in range(6)]
    assert answers == [303] * 5 + [429]
    assert database.session.scalar(sa.select(sa.func.count()).select_from(Wish)) == 5


def test_another_address_of_the_same_household_waits_too(english, tree):
    english.get("/stations/wish")
    answers = [
        english.send("/stations/wish", WISH | {"place": f"路口{n}"}, environ_base={"REMOTE_ADDR": f"2001:db8::{n + 1:x}"})
        for n in range(6)
    ]
    assert [one.status_code for one in answers] == [303] * 5 + [429]


def test_staff_see_the_wishes_of_their_part(keeper, tree):
    for place in ("大市场", "大市场", "小市场"):
        make_wish(place)
    make_wish("别处", county_code="410102")
    page = body(keeper.get("/staff/stations/wishes"))
    assert page.index("大市场") < page.index("小市场") and "别处" not in page
    assert "小市场" not in body(keeper.get("/staff/stations/wishes?q=大"))
    assert "大市场" not in body(keeper.get("/staff/stations/wishes?state=built"))
    fragment = keeper.get("/staff/stations/wishes", headers={"HX-Request": "true", "HX-Target": "wishes"})
    assert body(fragment).lstrip().startswith('<div id="wishes"')
    assert keeper.get("/staff/stations/wishes/export").mimetype.endswith("sheet")


def test_staff_say_what_becomes_of_it(keeper, tree):
    wish, station = make_wish(), make_station(union=tree.county)
    foreign = make_station(union=tree.foreign_county)
    address = f"/staff/stations/wishes/{wish.id}"
    keeper.get(address)
    refused = keeper.send(address, {"state": "declined"})
    assert refused.status_code == 422 and "Say why not" in body(refused)
    elsewhere = keeper.send(address, {"state": "built", "station": foreign.code})
    assert elsewhere.status_code == 422 and foreign.name not in body(elsewhere)
    assert keeper.send(address, {"state": "built", "station": station.code}).status_code == 303
    database.session.expire_all()
    assert database.session.get(Wish, wish.id).state is WishState.BUILT
    assert station.code in body(keeper.get(f"/stations/wishes/{wish.id}"))


def test_a_wish_of_others_is_not_there(keeper, tree):
    wish = make_wish(county_code="410102")
    assert keeper.get(f"/staff/stations/wishes/{wish.id}").status_code == 404
    assert keeper.send(f"/staff/stations/wishes/{wish.id}", {"state": "planned"}).status_code == 404
