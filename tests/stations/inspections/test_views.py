"""The keeper's sheets: take a list over, go through it, what was not met becomes a report; others see nothing."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import python_calamine

from portal import clock
from portal.access import Role
from portal.stations.inspections import queries
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_checklist, make_inspection, photo_file


@pytest.fixture
def world(app, db, client):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    foreign = make_station(union=tree.foreign_county, name="老城驿站", county_code="410302")
    keeper = make_account(roles=[(Role.KEEPER, tree.county)], name="陈站管")
    sign_in_quickly(client, keeper)
    client.set_cookie("language", "en")
    return SimpleNamespace(tree=tree, station=station, foreign=foreign)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def test_take_a_ready_made_list_over_and_inspect_by_it(client, db, world):
    new = f"/staff/stations/{world.station.code}/inspections/new"
    assert "No list counts here yet" in text_of(client.get(new))
    assert "统一标识" in text_of(client.get("/staff/checklists/new?ready=six-a"))
    items = "停车休息\n热水供应\n\n 淋浴 "
    sent = {"union_id": str(world.tree.county.id), "title": "司机之家", "items": items}
    assert client.send("/staff/checklists/new", sent | {"union_id": str(world.tree.foreign_county.id)}).status_code == 422
    assert client.send("/staff/checklists/new", sent).status_code == 303
    [listed] = queries.list_usable(world.station)
    assert [item.says for item in listed.checklist.items] == ["停车休息", "热水供应", "淋浴"]

    assert "热水供应" in text_of(client.get(new))
    names = [item.id.hex for item in listed.checklist.items]
    day = clock.today().isoformat()
    half = client.send(new, {f"outcome_{names[0]}": "met", f"note_{names[1]}": "没有热水", "inspected_on": day})
    assert half.status_code == 422 and "没有热水" in text_of(half) and "Please answer this item." in text_of(half)
    sent = {
        "inspected_on": day, "unannounced": "y", "signature": "王站长", "note": "整体不错", f"outcome_{names[0]}": "met",
        f"outcome_{names[1]}": "not_met", f"note_{names[1]}": "没有热水", f"photo_{names[1]}": (photo_file(), "a.jpg"),
        f"outcome_{names[2]}": "not_applicable",
    }  # fmt: skip
    done = client.send(new, sent, content_type="multipart/form-data")
    assert done.status_code == 303, text_of(done)
    page = text_of(client.get(done.location))
    for words in ("50 %", "没有热水", "王站长", "陈站管", "/photos/", "Open a report", "Unannounced"):
        assert words in page
    inspection = done.location.rpartition("/")[2]
    tap = f"/staff/inspections/{inspection}/items/{listed.checklist.items[1].id}/report"
    first = client.send(tap, {"kind": "broken"})
    assert first.status_code == 303 and "没有热水" in text_of(client.get(first.location))
    assert client.send(tap, {"kind": "broken"}).location == done.location  # said once, in words
    assert "To the report that followed" in text_of(client.get(done.location))


def test_the_sheet_prints_every_item_and_two_signatures(client, world):
    make_checklist(world.tree.city, "市级清单")
    page = text_of(client.get(f"/staff/stations/{world.station.code}/inspections/sheet"))
    for words in ("统一标识", "固定场所", "地图可查", "Signature of the inspector", "Signature for the station", 'class="paper"'):
        assert words in page


def test_with_two_lists_one_chooses(client, world):
    first, _second = make_checklist(world.tree.city, "市级清单"), make_checklist(world.tree.county, "县级清单")
    stranger = make_checklist(world.tree.foreign_county, "外地清单")
    where = f"/staff/stations/{world.station.code}/inspections"
    for page in ("new", "sheet"):
        choice = text_of(client.get(f"{where}/{page}"))
        assert "市级清单" in choice and "县级清单" in choice and "外地清单" not in choice
        assert client.get(f"{where}/{page}?list={first.id}").status_code == 200
        assert client.get(f"{where}/{page}?list={stranger.id}").status_code == 404
        assert client.get(f"{where}/{page}?list=x").status_code == 404
    assert client.send(f"{where}/new", {}).status_code == 422


def test_a_list_from_above_is_used_but_not_changed(client, world):
    above, own = make_checklist(world.tree.city, "市级清单"), make_checklist(world.tree.county, "县级清单")
    page = text_of(client.get("/staff/checklists"))
    assert "市级清单" in page and f"/staff/checklists/{above.id}" not in page and f"/staff/checklists/{own.id}" in page
    assert client.get(f"/staff/checklists/{above.id}").status_code == 404
    assert client.send(f"/staff/checklists/{above.id}", {"title": "x", "items": "y"}).status_code == 404
    make_inspection(world.station, own)
    assert "becomes version 2" in text_of(client.get(f"/staff/checklists/{own.id}"))
    changed = client.send(f"/staff/checklists/{own.id}", {"title": "县级清单", "items": "一\n二"})
    assert changed.status_code == 303 and str(own.id) not in changed.location
    assert client.send(f"/staff/checklists/{own.id}", {"title": "县级清单", "items": "三"}).status_code == 422
    assert client.send(f"{changed.location}/close").status_code == 303
    assert [one.checklist.title for one in queries.list_usable(world.station)] == ["市级清单"]


def test_list_filters_export_and_scope(app, client, world):
    checklist, foreign_list = make_checklist(world.tree.county), make_checklist(world.tree.foreign_county)
    one = make_inspection(world.station, checklist, not_met=(1,), photo=True)
    make_inspection(world.station, checklist, unannounced=False)
    foreign = make_inspection(world.foreign, foreign_list, not_met=(1,), photo=True)
    rows = lambda address: text_of(client.get(address)).count("<tr data-open>")  # noqa: E731
    assert rows("/staff/inspections") == 2 and rows("/staff/inspections?way=announced") == 1
    assert rows("/staff/inspections?findings=1") == 1 and rows("/staff/inspections?q=没有") == 0
    assert rows(f"/staff/stations/{world.station.code}/inspections") == 2
    sheet = python_calamine.load_workbook(io.BytesIO(client.get("/staff/inspections/export").data)).get_sheet_by_index(0)
    assert len(sheet.to_python()) == 3
    own_photo, foreign_photo = (queries.list_answers(each.id)[0].picture_id for each in (one, foreign))
    assert client.get(f"/staff/inspections/{one.id}/photos/{own_photo}").mimetype == "image/jpeg"
    assert client.get(f"/staff/inspections/{foreign.id}/photos/{foreign_photo}").status_code == 404
    assert client.get(f"/staff/inspections/{foreign.id}").status_code == 404
    assert app.test_client().get(f"/staff/inspections/{one.id}/photos/{own_photo}").status_code == 302
