"""Posters and sheets: what stands on them, for whom, and how many at once."""

from __future__ import annotations

import re

import pytest

from portal.access import Role
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def keeper(client, tree):
    client.set_cookie("language", "en")
    sign_in_quickly(client, make_account([(Role.KEEPER, tree.county)]))
    return client


def body(answer) -> str:
    return answer.get_data(as_text=True)


def test_the_door_poster(keeper, tree):
    station = make_station(union=tree.county, name="邮政驿站", phone="0371-65506000")
    page = body(keeper.get(f"/staff/stations/{station.code}/poster"))
    for words in ("邮政驿站", station.code, f"http://localhost/s/{station.code}", "12351", "120", "0371-65506000",
                  "Joining is voluntary; you are served all the same.", "Open around the clock", "Toilets", "<svg"):  # fmt: skip
        assert words in page, words


def test_many_posters_one_a_page_and_none_of_others(keeper, tree):
    mine = [make_station(union=tree.county).code for _ in range(3)]
    foreign = make_station(union=tree.foreign_county, name="别家驿站").code
    page = body(keeper.get("/staff/stations/posters?" + "&".join(f"chosen={code}" for code in [*mine, foreign, mine[0]])))
    assert page.count('class="paper poster a4"') == 3 and "别家驿站" not in page
    assert keeper.get(f"/staff/stations/posters?code={foreign}").status_code == 404
    assert keeper.get("/staff/stations/posters").status_code == 404
    assert keeper.get("/staff/stations/posters?" + "&".join(f"code=x{n}" for n in range(51))).status_code == 400


def test_from_the_ticked_boxes_to_the_posters(keeper, tree):
    codes = [make_station(union=tree.county).code for _ in range(2)]
    keeper.get("/staff/stations")
    answer = keeper.send("/staff/stations/posters", {"chosen": codes})
    assert answer.status_code == 303 and body(keeper.get(answer.location)).count('class="paper poster a4"') == 2
    nothing = keeper.send("/staff/stations/posters")
    assert "Choose between 1 and 50 stations." in body(keeper.get(nothing.location))


def test_the_sheet_has_a_number_of_its_own(keeper, tree):
    station = make_station(union=tree.county, name="邮政驿站")
    page = body(keeper.get(f"/staff/stations/{station.code}/sheet"))
    assert re.search(rf"{station.code}-\d{{8}}-\d{{4}}", page)
    assert "Courier" in page and "Rest" in page and page.count('<th scope="row">') == 25


def test_an_operator_prints_the_sheet_at_the_counter(client, tree):
    sign_in_quickly(client, make_account([(Role.OPERATOR, tree.county)]))
    here = f"/desk/{make_station(union=tree.county).code}/paper"
    assert f'href="{here}/blank"' in body(client.get(here))
    page = body(client.get(f"{here}/blank"))
    assert f'href="{here}"' in page and "/staff/stations" not in page and page.count('<th scope="row">') == 25
    assert client.get(f"/desk/{make_station(union=tree.foreign_county).code}/paper/blank").status_code == 404


@pytest.mark.parametrize("paper", ["poster", "sheet"])
def test_the_paper_of_others_is_not_there(keeper, tree, paper):
    station = make_station(union=tree.foreign_county)
    assert keeper.get(f"/staff/stations/{station.code}/{paper}").status_code == 404
