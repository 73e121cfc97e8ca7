"""The sections of a station, what waits for its keeper, and what is done to several stations at once, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from portal import clock
from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.clock import SHANGHAI
from portal.stations.hours.rules import HolidayRule
from portal.stations.register import commands, queries, rules
from portal.stations.register.models import Facility, Station, StationGrade, StationKind, StationStatus
from portal.stations.register.rules import FacilityDetail, StationValues
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station, weekly

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=SHANGHAI)


def body(response) -> str:
    return response.get_data(as_text=True)


def entries(action: str) -> list[dict]:
    return [one.details for one in AuditEntry.query.filter_by(action=action).order_by(AuditEntry.id)]


# --- hours -------------------------------------------------------------------------------------------


def hours_form(**changes):
    return {
        "hours": "08:00-12:00,13:00-22:00",
        "self_entry_hours": "22:00-次日08:00",
        "entry_method": "按门铃",
        "holiday_rule": "closed_on_holidays",
    } | changes


def test_hours_with_a_break_and_self_entry(english, tree, keeper):
    station = make_station(union=tree.county, hours=weekly((480, 1320)))
    address = f"/staff/stations/{station.code}/hours"
    assert "08:00-22:00" in body(english.get(address))
    assert english.send(address, hours_form()).status_code == 303
    assert station.holiday_rule is HolidayRule.CLOSED_ON_HOLIDAYS
    assert [(row.opens, row.closes, row.staffed) for row in station.hours if row.weekday == 0] == [
        (480, 720, True), (780, 1320, True), (1320, 1920, False),
    ]  # fmt: skip
    page = body(english.get(address))
    assert "22:00-次日08:00" in page and "按门铃" in page
    with clock.stopped_at(NOON.replace(hour=23)):
        assert (rules.opening(station, clock.now()).is_open, rules.opening(station, clock.now()).staffed) == (True, False)
    changes = entries("station.changed")[0]["changes"]
    assert changes["hours"] == ["08:00-22:00", "08:00-12:00,13:00-22:00"]
    assert changes["self_entry_hours"] == ["", "22:00-次日08:00"]
    assert "Nothing was changed." in body(english.get(english.send(address, hours_form()).location))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hours": "夏季延长至 21 点"}, "holds for a season only"),
        ({"self_entry_hours": "随时"}, "was not understood"),
        ({"self_entry_hours": "21:00-23:00"}, "overlap"),
        ({"entry_method": "长" * 201}, "At most 200 characters"),
        ({"holiday_rule": "never"}, "Not a valid choice"),
    ],
)
def test_hours_that_are_wrong_stay_as_typed(english, tree, keeper, changes, sentence):
    station = make_station(union=tree.county)
    answer = english.send(f"/staff/stations/{station.code}/hours", hours_form(**changes))
    assert answer.status_code == 422
    assert sentence in body(answer)
    assert "08:00-12:00,13:00-22:00" in body(answer) or "hours" in changes
    assert all(len(value) > 200 or value == "never" or value in body(answer) for value in changes.values())
    assert len(station.hours) == 7


# --- facilities --------------------------------------------------------------------------------------


def test_facilities_have_prices_hours_and_notes(english, tree, keeper):
    station = make_station(union=tree.county, facilities=[Facility.SHOWER], hours=weekly((0, 1440)))
    address = f"/staff/stations/{station.code}/facilities"
    fields = {"facilities": ["shower", "laundry"], "shower_price": "5.5", "shower_hours": "09:00-21:00", "shower_note": "二楼"}
    assert english.send(address, fields).status_code == 303
    shower, laundry = sorted(station.facilities, key=lambda row: row.facility.value, reverse=True)
    assert (shower.price, shower.note, len(shower.hours)) == (Decimal("5.50"), "二楼", 7)
    assert (laundry.price, laundry.hours) == (None, [])
    assert str(rules.facility_opening(station, Facility.SHOWER, NOON.replace(hour=21)).says) == "Opens tomorrow at 9:00"
    assert rules.facility_opening(station, Facility.LAUNDRY, NOON).is_open
    assert not rules.facility_opening(station, Facility.AED, NOON).is_open
    page = body(english.get(address))
    assert "09:00-21:00" in page and "二楼" in page and "laundry_price" in page
    changes = entries("station.changed")[0]["changes"]
    assert changes["facility_shower"] == [None, "¥5.50 · 09:00-21:00 · 二楼"]
    # What is not drawn stays; what is emptied goes.
    assert english.send(address, {"facilities": ["shower"]}).status_code == 303
    assert [(row.facility, row.price) for row in station.facilities] == [(Facility.SHOWER, Decimal("5.50"))]
    english.send(address, {"facilities": ["shower"], "shower_price": "0", "shower_hours": "", "shower_note": ""})
    assert (station.facilities[0].price, station.facilities[0].hours) == (Decimal(0), [])


def test_a_wrong_price_and_wrong_hours_are_said_where_they_stand(english, tree, keeper):
    station = make_station(union=tree.county, facilities=[Facility.SHOWER])
    fields = {"facilities": ["shower"], "shower_price": "-1", "shower_hours": "早上", "shower_note": "热水到十点"}
    answer = english.send(f"/staff/stations/{station.code}/facilities", fields)
    assert answer.status_code == 422
    assert "was not understood" in body(answer) and "早上" in body(answer) and "热水到十点" in body(answer)
    answer = english.send(f"/staff/stations/{station.code}/facilities", fields | {"shower_hours": ""})
    assert "a price is 0 (free) or more" in body(answer) and 'value="-1"' in body(answer)


# --- the host ----------------------------------------------------------------------------------------


def partner_form(**changes):
    return {
        "host_name": "邮政储蓄银行", "host_contact": "张建国", "host_phone": "138 0013 8000",
        "agreement_from": "2025-01-01", "agreement_until": "2026-12-31",
    } | changes  # fmt: skip


def test_the_host_is_kept_encrypted_and_written_down_masked(english, tree, keeper, db):
    station = make_station(union=tree.county)
    address = f"/staff/stations/{station.code}/partner"
    assert english.send(address, partner_form()).status_code == 303
    assert (station.host_contact, station.host_phone) == ("张建国", "13800138000")
    assert "张建国".encode() not in station.host_contact_cipher
    assert "13800138000" in body(english.get(address))
    said = str(entries("station.changed"))
    assert "张＊" in said and "…8000" in said
    assert "张建国" not in said and "13800138000" not in said
    assert "张建国" not in body(english.get(f"/staff/stations/{station.code}/history"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host_phone": "找前台"}, "not a phone number"),
        ({"agreement_until": "2024-12-31"}, "ends before it begins"),
        ({"agreement_until": "soon"}, "Not a valid date"),
    ],
)
def test_a_wrong_agreement_is_said(english, tree, keeper, changes, sentence):
    station = make_station(union=tree.county)
    answer = english.send(f"/staff/stations/{station.code}/partner", partner_form(**changes))
    assert answer.status_code == 422
    assert sentence in body(answer) and "张建国" in body(answer)


def test_an_agreement_that_ends_is_called_to_mind(english, tree, keeper):
    today = clock.today()
    make_station(union=tree.county, name="快到期驿站", agreement_until=today + timedelta(days=60))
    make_station(union=tree.county, name="已到期驿站", agreement_until=today - timedelta(days=1))
    make_station(union=tree.county, name="不急驿站", agreement_until=today + timedelta(days=61))
    make_station(union=tree.county, name="撤销驿站", agreement_until=today, status=StationStatus.WITHDRAWN)
    make_station(union=tree.foreign_county, name="外地驿站", agreement_until=today)
    home = body(english.get("/staff"))
    assert "Agreements with hosts that end soon" in home
    assert '<span class="num">2</span>' in home
    page = body(english.get("/staff/stations?needs=agreement"))
    assert "快到期驿站" in page and "已到期驿站" in page
    for other in ("不急驿站", "撤销驿站", "外地驿站"):
        assert other not in page


def test_others_are_not_reminded(english, tree):
    make_station(union=tree.county, agreement_until=clock.today())
    sign_in_quickly(english, make_account([("operator", tree.county)]))
    assert "Agreements with hosts" not in body(english.get("/staff"))


# --- drivers' homes ----------------------------------------------------------------------------------


def test_the_five_free_basics():
    values = StationValues(
        facilities=(Facility.TRUCK_PARKING, Facility.HOT_WATER, Facility.SHOWER),
        facility_details=(FacilityDetail(Facility.SHOWER, Decimal(8)),),
        services=(BasicService.HOT_MEAL, BasicService.SHOWER),
    )
    assert [met for _says, met in rules.free_basics(values)] == [True, True, True, False, False]


def test_a_drivers_home_shows_what_is_missing(english, tree, keeper):
    home = make_station(union=tree.county, kind=StationKind.DRIVERS_HOME, facilities=[Facility.SHOWER], services=[])
    page = body(english.get(f"/staff/stations/{home.code}"))
    assert "Free for every driver" in page
    assert page.count(">Missing<") == 4 and page.count(">There<") == 1
    assert "Free for every driver" not in body(english.get(f"/staff/stations/{make_station(union=tree.county).code}"))


# --- the list: filters, chosen stations ------------------------------------------------------------------


def test_the_list_is_narrowed_by_what_is_missing(english, tree, keeper):
    long_ago = clock.now() - timedelta(days=366)
    make_station(union=tree.county, name="久未核实", created_at=long_ago)
    make_station(union=tree.county, name="昨天核实", created_at=long_ago, verified_at=clock.now() - timedelta(days=1))
    make_station(union=tree.county, name="没有坐标", point=None)
    make_station(union=tree.county, name="没有时间", hours=())
    make_station(union=tree.county, name="司机之家", kind=StationKind.DRIVERS_HOME, grade=StationGrade.BENCHMARK)
    make_station(union=tree.town, name="别的区县", county_code="410302")
    names = ("久未核实", "昨天核实", "没有坐标", "没有时间", "司机之家", "别的区县")
    for query, expected in (
        ("needs=verifying", ["久未核实"]),
        ("needs=point", ["没有坐标"]),
        ("needs=hours", ["没有时间"]),
        ("kind=drivers_home", ["司机之家"]),
        ("grade=benchmark", ["司机之家"]),
        ("county=410302", ["别的区县"]),
        ("needs=nonsense&kind=castle&county=%27", list(names)),
    ):
        page = body(english.get(f"/staff/stations?{query}"))
        assert [name for name in names if f">{name}<" in page] == expected, query


def test_verified_today_is_written_down(english, tree, keeper):
    one, two, foreign = (make_station(union=union) for union in (tree.county, tree.county, tree.foreign_county))
    assert english.send(f"/staff/stations/{one.code}/verify").status_code == 303
    english.send("/staff/stations/chosen/verify", {"chosen": [one.code, two.code, foreign.code]})
    assert one.verified_at and two.verified_at and foreign.verified_at is None
    assert len(entries("station.verified")) == 3
    answer = english.send("/staff/stations/chosen/verify", {})
    assert "Choose stations first." in body(english.get(answer.location))


def test_several_change_their_status_and_each_that_may_not_says_why(english, tree, keeper):
    opened, planned, gone, foreign = (
        make_station(union=union, name=name, status=status)
        for union, name, status in (
            (tree.county, "开放站", StationStatus.OPEN),
            (tree.county, "规划站", StationStatus.PLANNED),
            (tree.county, "撤销站", StationStatus.WITHDRAWN),
            (tree.foreign_county, "外地站", StationStatus.OPEN),
        )
    )
    chosen = [one.code for one in (opened, planned, gone, foreign)]
    answer = english.send("/staff/stations/chosen/status?q=站", {"chosen": chosen, "status": "suspended"})
    assert answer.location.endswith("/staff/stations?q=%E7%AB%99")
    page = body(english.get(answer.location))
    assert "1 changed, 0 were so already." in page
    assert "规划站: A station that is “Planned” cannot become “Suspended”." in page and "撤销站: " in page
    assert [one.status.value for one in (opened, planned, gone, foreign)] == ["suspended", "planned", "withdrawn", "open"]
    assert "Choose stations and the new status first." in body(
        english.get(english.send("/staff/stations/chosen/status", {"chosen": chosen, "status": ""}).location)
    )


def test_what_a_keeper_may_not_see_stays_where_it_is(english, tree, keeper):
    foreign = make_station(union=tree.foreign_county)
    for section in ("hours", "facilities", "partner", "exceptions", "photos", "stars", "history"):
        assert english.get(f"/staff/stations/{foreign.code}/{section}").status_code == 404
    for section in ("hours", "facilities", "partner", "exceptions", "exceptions/end", "photos", "stars", "verify"):
        assert english.send(f"/staff/stations/{foreign.code}/{section}").status_code == 404


# --- commands ----------------------------------------------------------------------------------------


def test_everything_a_station_has_is_kept_and_read_back(db, tree, keeper):
    values = StationValues(
        name="全项驿站", county_code=make_station(union=tree.county).county_code, address="全项路 1 号",
        kind=StationKind.DRIVERS_HOME,
        phones=(("0371-65506000", "前台"), ("13800138000", None)), hours=tuple(rules.hours_rules.ALWAYS),
        holiday_rule=HolidayRule.WORKDAYS, entry_method="按门铃", stars=4, host_contact="李工", host_phone="13900139000",
        agreement_from=date(2025, 1, 1), agreement_until=date(2027, 1, 1), facilities=(Facility.SHOWER, Facility.LAUNDRY),
        facility_details=(FacilityDetail(Facility.LAUNDRY, Decimal("3.00"), "自助", tuple(rules.hours_rules.ALWAYS[:2])),),
        services=(BasicService.REST,), default_service=BasicService.REST, road="G30", carriageway=rules.Carriageway.UP,
        truck_spaces=0, max_height_m=Decimal("4.5"), max_weight_t=Decimal(49), access_note="由南门进",
    )  # fmt: skip
    station = commands.add_station(values=values, union=tree.county, by=SYSTEM)
    db.session.commit()
    assert rules.values_of(db.session.get(Station, station.id)) == values
    assert commands.change_station(station=station, values=values, by=SYSTEM) == {}


def test_numbers_change_places_without_being_lost(db, tree):
    station = make_station(union=tree.county)
    for phones in (
        (("12351", "甲"), ("0371-65506000", "乙")),
        (("0371-65506000", "乙"), ("12351", "丙")),
        (("12351", "丙"),),
        (),
    ):
        commands.change_station(station=station, values=replace(rules.values_of(station), phones=phones), by=SYSTEM)
        db.session.commit()
        assert rules.values_of(station).phones == phones
        assert station.phone == (phones[0][0] if phones else None)


def test_numbers_as_they_are_typed():
    assert rules.parse_phones("０３７１－６５５０６０００ 前台\n\n值班 138 0013 8000；12351") == (
        ("0371-65506000", "前台"), ("13800138000", "值班"), ("12351", None),
    )  # fmt: skip
    assert rules.parse_phones("找老王") == (("找老王", None),)
    assert rules.parse_phones(None) == ()
    assert rules.parse_phones(rules.phones_as_text((("12351", None), ("0371-65506000", "前台")))) == (
        ("12351", None), ("0371-65506000", "前台"),
    )  # fmt: skip


def test_agreements_are_counted_within_scope(db, tree, keeper):
    assert queries.agreement_edge() == clock.today() + timedelta(days=60)
