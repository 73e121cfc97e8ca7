"""Purchases over HTTP: entered by a keeper, refused in words with everything typed kept, found again, taken back, paid."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import openpyxl
import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import Role
from portal.welfare.purchases.models import Purchase
from tests.factories.money import line_values, make_budget, make_line, make_source
from tests.factories.purchases import make_purchase
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply
from tests.factories.unions import small_tree

NOON = datetime(2026, 7, 8, 4, tzinfo=UTC)


@pytest.fixture
def world(db):
    with clock.stopped_at(NOON):
        tree = small_tree()
        station, goods = make_station(union=tree.county, name="花园路驿站"), make_supply(tree.county, "防暑包")
        line = make_line(tree.county, 1000)
        yield SimpleNamespace(tree=tree, station=station, goods=goods, line=line,
                              typed={"item": str(goods.id), "station": station.code, "quantity": "7", "total": "100",
                                     "budget_line": str(line.id), "voucher_number": "记-7", "supplier": "大药房",
                                     "bought_on": "2026-07-08", "expires_on": "2027-07-08"})  # fmt: skip


@pytest.fixture
def someone(app, world):
    def sign_in(role: Role, union):
        client = app.test_client()
        sign_in_quickly(client, make_account(roles=[(role, union)]))
        client.set_cookie("language", "en")
        return client

    return sign_in


def test_from_voucher_to_shelf_and_ledger(world, someone):
    keeper, finance = someone(Role.KEEPER, world.tree.county), someone(Role.FINANCE, world.tree.county)
    assert "Nothing was bought yet" in keeper.get("/purchases").text
    assert "¥1,000.00 left" in keeper.get(f"/purchases/new?station={world.station.code}").text
    answer = keeper.send("/purchases/new", world.typed)
    assert answer.status_code == 303, answer.text
    page = keeper.get(answer.location).text
    assert "¥14.29" in page and "would be -¥0.03 apart" in page.replace("−", "-")
    line = f"/budgets/{world.tree.county.code}/2026/lines/{world.line.code}"
    assert line in finance.get(answer.location).text and line not in page
    assert answer.location in finance.get(line).text  # and the ledger leads back to the purchase


def test_too_little_money_is_said_with_what_is_left_and_nothing_typed_is_lost(db, world, someone):
    keeper = someone(Role.KEEPER, world.tree.county)
    answer = keeper.send("/purchases/new", world.typed | {"total": "1000.01"})
    assert answer.status_code == 422 and "has ¥1,000.00 left; ¥1,000.01 was asked" in answer.text
    assert 'value="大药房"' in answer.text and 'value="1000.01"' in answer.text
    assert (
        db.session.scalar(
            sa.text("SELECT (SELECT count(*) FROM lots) + (SELECT count(*) FROM ledger_entries WHERE kind = 'reserve')")
        )
        == 0
    )


def test_the_same_voucher_twice(world, someone):
    keeper = someone(Role.KEEPER, world.tree.county)
    keeper.send("/purchases/new", world.typed)
    answer = keeper.send("/purchases/new", world.typed)
    assert answer.status_code == 422 and "Voucher 记-7 was entered" in answer.text
    assert Purchase.query.count() == 1


BROKEN = (
    {"station": "410302-0001"}, {"station": ""}, {"item": "x"}, {"budget_line": ""}, {"quantity": "0"}, {"quantity": ""},
    {"bought_on": "soon"}, {"total": "-1"}, {"total": ""},
)  # fmt: skip


@pytest.mark.parametrize("changes", BROKEN)
def test_what_cannot_be_read_is_asked_again(world, someone, changes):
    answer = someone(Role.KEEPER, world.tree.county).send("/purchases/new", world.typed | changes)
    assert answer.status_code == 422 and Purchase.query.count() == 0


def test_only_lines_and_stations_in_ones_care_are_offered(world, someone):
    make_line(world.tree.city, 500, name="市级资金")
    other = make_line(world.tree.sibling_county, 500)
    keeper = someone(Role.KEEPER, world.tree.county)
    page = keeper.get("/purchases/new").text
    assert page.count("夏季送清凉") == 1
    assert keeper.send("/purchases/new", world.typed | {"budget_line": str(other.id)}).status_code == 422


def test_found_filtered_exported(world, someone):
    keeper = someone(Role.KEEPER, world.tree.county)
    made = [make_purchase(world.station, world.goods, world.line, quantity=n, voucher_number=f"凭证{n}") for n in (1, 2)]
    page = keeper.get("/purchases?q=凭证2").text
    assert "凭证2" in page and "凭证1" not in page
    assert "No purchase matches" in keeper.get("/purchases?q=没有").text
    assert "凭证1" not in keeper.get("/purchases?first=2026-07-09").text
    keeper.send(f"/purchases/{made[0].id}/reverse", {"reason": "录错了"})
    assert "凭证1" in keeper.get("/purchases?state=reversed").text and "凭证2" not in keeper.get("/purchases?state=reversed").text
    sheet = openpyxl.load_workbook(io.BytesIO(keeper.get("/purchases/export?state=valid").data)).active
    assert [row[6] for row in sheet.iter_rows(min_row=2, values_only=True) if row[6]] == ["凭证2"]


def test_long_lists_come_in_pages(world, someone, monkeypatch):
    from portal import paging

    monkeypatch.setattr(paging.keyset, "__kwdefaults__", paging.keyset.__kwdefaults__ | {"limit": 2})
    for n in range(3):
        make_purchase(world.station, world.goods, world.line, quantity=1, voucher_number=f"凭证{n}")
    keeper = someone(Role.KEEPER, world.tree.county)
    first = keeper.get("/purchases").text
    assert "凭证2" in first and "凭证1" in first and "凭证0" not in first and 'rel="next"' in first


def test_taken_back_with_a_reason_and_paid_by_finance_only(world, someone):
    source = make_source(world.tree.county, "有现金", 500, cash=500, year=2025)
    with clock.stopped_at(datetime(2025, 12, 1, tzinfo=UTC)):
        line = make_budget(world.tree.county, [line_values("冬季送温暖", {source: 500})], year=2025).lines["冬季送温暖"]
        bought = make_purchase(world.station, world.goods, line)
    here = f"/purchases/{bought.id}"
    keeper, finance = someone(Role.KEEPER, world.tree.county), someone(Role.FINANCE, world.tree.county)
    assert keeper.send(f"{here}/pay").status_code == 403
    finance.send(f"{here}/pay")
    assert "of it was paid" in finance.get(here).text
    assert finance.send(f"{here}/reverse", {"reason": "退货"}).status_code == 422
    finance.send(f"{here}/pay", {"way": "refund"})
    assert finance.send(f"{here}/reverse", {"reason": ""}).status_code == 422
    assert finance.send(f"{here}/reverse", {"reason": "退货"}).status_code == 303
    assert "退货" in finance.get(here).text


def test_outside_ones_part_of_the_tree_there_is_nothing(world, someone):
    bought = make_purchase(world.station, world.goods, world.line)
    stranger = someone(Role.KEEPER, world.tree.sibling_county)
    assert stranger.get(f"/purchases/{bought.id}").status_code == 404
    assert stranger.send(f"/purchases/{bought.id}/reverse", {"reason": "x"}).status_code == 404
    assert "防暑包" not in stranger.get("/purchases").text
    assert someone(Role.OPERATOR, world.tree.county).get("/purchases").status_code == 403


def test_deliveries_and_purchases_lead_to_each_other(world, someone):
    client = someone(Role.FINANCE, world.tree.county)
    assert '<a href="/purchases">' in client.get("/deliveries").text
    assert '<a href="/deliveries">' in client.get("/purchases").text
