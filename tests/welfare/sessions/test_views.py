"""The pages of sessions: list, day, one session, series with preview, going on; who may do what."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from portal import clock
from portal.access import SYSTEM, Role
from portal.db import db as database
from portal.welfare.quotas import commands as quotas
from portal.welfare.sessions import commands, queries
from portal.welfare.sessions.models import ServiceSession
from portal.welfare.sessions.rules import SeriesValues
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # a Monday
MONDAY = date(2026, 11, 30)


@pytest.fixture
def tree(db):
    with clock.stopped_at(NOW):
        tree = small_tree()
        tree.station = make_station(union=tree.county, name="花园路驿站")
        tree.programme = make_programme(tree.county, stations=(tree.station,))
        yield tree


def officer(client, union, role=Role.OFFICER):
    sign_in_quickly(client, make_account(roles=[(role, union)]))
    return client


def said(answer) -> str:
    return answer.get_data(as_text=True)


def typed(tree, **changes) -> dict:
    known = {
        "place": tree.station.code, "first_on": "2026-11-30", "last_on": "2026-12-13", "weekdays": ["0", "2"],
        "opens": "09:00", "closes": "12:00", "slot_minutes": "60", "breaks": "", "capacity": "4", "online": "3",
        "on_make_up_days": "y",
    }  # fmt: skip
    return known | changes


def count() -> int:
    return database.session.query(ServiceSession).count()


def test_a_series_is_looked_at_before_it_is_made(client, tree):
    officer(client, tree.county)
    here = f"/programmes/{tree.programme.code}/sessions"
    assert client.get(f"{here}/new").status_code == 200
    preview = client.send(f"{here}/preview", typed(tree))
    assert preview.status_code == 200 and count() == 0
    assert 'name="weekdays" value="2"' in said(preview) and "12" in said(preview)
    made = client.send(f"{here}/new", typed(tree))
    assert made.status_code == 303 and count() == 12
    # The form was sent twice with a fresh key: everything is there already, and that is what it says.
    again = client.send(f"{here}/new", typed(tree))
    assert again.status_code == 422 and count() == 12
    assert said(client.get(made.location)).count("/sessions/0") == 12


def test_from_the_preview_one_goes_back_with_everything_typed(client, tree):
    officer(client, tree.county)
    here = f"/programmes/{tree.programme.code}/sessions/preview"
    assert 'name="again"' in said(client.send(here, typed(tree)))
    back = client.send(here, typed(tree, note="请带身份证", capacity="7", again="1"))
    assert back.status_code == 200 and count() == 0
    for kept in ("请带身份证", 'value="7"', 'value="2026-12-13"', f'<option selected value="{tree.station.code}"'):
        assert kept in said(back)


def test_what_stands_on_a_programmes_page_is_said_in_chinese(client, tree):
    officer(client, tree.county)
    page = said(client.get(f"/programmes/{tree.programme.code}"))
    assert "场次" in page and "批量安排" in page
    for english in ("Sessions", "Quota", "None is coming up"):
        assert english not in page


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(client, tree):
    officer(client, tree.county)
    here = f"/programmes/{tree.programme.code}/sessions/preview"
    for changes in ({"breaks": "lunch"}, {"place": ""}, {"weekdays": []}, {"online": "5"}, {"place": "other"}, {"opens": ""},
                    {"station_code": "410302-0001"}, {"last_on": "2026-11-01"}):  # fmt: skip
        answer = client.send(here, typed(tree, note="请带身份证", **changes))
        assert answer.status_code == 422, changes
        assert "请带身份证" in said(answer)


def test_another_place_by_name(client, tree):
    officer(client, tree.county)
    fields = typed(tree, place="other", other_name="流动体检车", other_address="物流园", weekdays=["0"])
    assert client.send(f"/programmes/{tree.programme.code}/sessions/new", fields).status_code == 303
    assert {one.place_name for one in database.session.query(ServiceSession)} == {"流动体检车"}


def test_one_session(client, tree):
    officer(client, tree.county)
    here = f"/programmes/{tree.programme.code}/sessions/single"
    assert client.get(here).status_code == 200
    fields = {"place": tree.station.code, "on": "2026-12-01", "opens": "10:00", "closes": "11:30", "capacity": "2"}
    made = client.send(here, fields)
    assert made.status_code == 303
    assert "10:00–11:30" in said(client.get(made.location))
    assert client.send(here, fields).status_code == 422
    assert client.send(here, fields | {"closes": "09:00"}).status_code == 422


def test_a_county_makes_sessions_of_an_upper_programme_at_its_own_stations_only(client, tree):
    other = make_station(union=tree.sibling_county)
    upper = make_programme(tree.city, stations=(tree.station, other))
    officer(client, tree.county)
    page = said(client.get(f"/programmes/{upper.code}/sessions/new"))
    assert tree.station.code in page and other.code not in page and 'value="other"' not in page
    assert client.send(f"/programmes/{upper.code}/sessions/new", typed(tree, place=other.code)).status_code == 422
    assert client.send(f"/programmes/{upper.code}/sessions/new", typed(tree)).status_code == 303
    hidden = make_programme(tree.city)
    assert client.get(f"/programmes/{hidden.code}/sessions/new").status_code == 404
    root = quotas.set_root(programme=hidden, amount=10, by=SYSTEM)
    quotas.hand_down(share=root, union=tree.county, amount=5, by=SYSTEM)
    database.session.commit()
    assert client.get(f"/programmes/{hidden.code}/sessions/new").status_code == 200


def test_going_on(client, tree):
    values = SeriesValues(first_on=MONDAY, last_on=MONDAY, weekdays=(0,), opens=540, closes=720, slot_minutes=60, capacity=3,
                          breaks=((600, 615),))  # fmt: skip
    made = commands.make_series(programme=tree.programme, station=tree.station, values=values, by=SYSTEM)
    database.session.commit()
    here = f"/session-series/{made.series.id}"
    officer(client, tree.county)
    assert "10:00–10:15" in said(client.get(here))
    until = {"last_on": str(MONDAY + timedelta(days=14))}
    assert client.send(f"{here}/preview", until).status_code == 200 and count() == 2
    assert client.send(f"{here}/preview", {"last_on": str(MONDAY)}).status_code == 422
    assert client.send(f"{here}/continue", until).status_code == 303 and count() == 6


def test_the_list_is_searched_filtered_and_paged(client, tree):
    officer(client, tree.county)
    assert "/programmes" in said(client.get("/sessions"))  # empty: where to begin
    for n in range(55):
        make_session(tree.programme, tree.station, starts_at=NOW + timedelta(hours=n + 1))
    foreign = make_session(make_programme(tree.foreign_county), make_station(union=tree.foreign_county))
    first = said(client.get("/sessions"))
    assert first.count("/sessions/0") == 50 and "after=" in first and str(foreign.id) not in first
    over = said(client.get("/sessions?standing=over"))
    assert over.count("/sessions/0") == 0
    day = said(client.get("/sessions?first=2026-11-24&last=2026-11-24&station=" + tree.station.code))
    assert day.count("/sessions/0") == 24
    assert said(client.get("/sessions?q=没有这个")).count("/sessions/0") == 0
    fragment = client.get("/sessions?q=花园路", headers={"HX-Request": "true", "HX-Target": "sessions"})
    assert said(fragment).lstrip().startswith('<div id="sessions"')
    assert client.get("/sessions/export?standing=all").mimetype.endswith("sheet")
    assert said(client.get(f"/sessions/stations/{tree.station.code}?on=2026-11-24")).count("/sessions/0") == 24
    assert client.get(f"/sessions/stations/{tree.station.code}?on=never").status_code == 200


def test_a_keeper_changes_places_at_the_own_station(client, tree):
    session = make_session(tree.programme, tree.station, capacity=4, online=3)
    officer(client, tree.county, Role.KEEPER)
    here = f"/sessions/{session.id}"
    assert "/release-online" in said(client.get(here))
    assert client.send(f"{here}/capacity", {"capacity": "2", "online": "3"}).status_code == 422
    assert client.send(f"{here}/capacity", {"capacity": "6", "online": "3"}).status_code == 303
    assert client.send(f"{here}/release-online").status_code == 303
    assert queries.count_free(session.id) == (0, 6)
    assert client.get(f"/programmes/{tree.programme.code}/sessions/new").status_code == 403
    foreign = make_session(make_programme(tree.foreign_county), make_station(union=tree.foreign_county))
    assert client.get(f"/sessions/{foreign.id}").status_code == 404
    assert client.send(f"/sessions/{foreign.id}/capacity", {"capacity": "6", "online": "3"}).status_code == 404


def test_one_that_was_called_off_says_why(client, tree):
    session = make_session(tree.programme, tree.station)
    commands.mark_cancelled(session=session, reason="停电检修", by=SYSTEM)
    database.session.commit()
    officer(client, tree.county)
    page = said(client.get(f"/sessions/{session.id}"))
    assert "停电检修" in page and "/capacity" not in page
    assert str(session.id) in said(client.get("/sessions?standing=cancelled")) and str(session.id) not in said(
        client.get("/sessions")
    )
