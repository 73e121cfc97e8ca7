"""The figures on the staff home: visits add up the tree, and stop at its edge."""

from __future__ import annotations

from portal.access import SYSTEM, Permission, Role
from portal.stations.visits import commands, queries
from portal.vocabulary import BasicService, Occupation
from tests.factories.joining import make_application
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree


def tap(station, *unions):
    for number in range(3):
        commands.log_visit(
            station_code=station.code, service=BasicService.REST, worker_id=None, occupation=Occupation.COURIER,
            key=f"{station.code}-{number}", unions=[union.id for union in unions], by=SYSTEM,
        )  # fmt: skip


def test_figures_and_what_waits(client, db):
    tree = small_tree()
    tap(make_station(union=tree.county), tree.province)
    tap(make_station(union=tree.town), tree.province)
    tap(make_station(union=tree.foreign_county), tree.province)
    make_application()
    sign_in_quickly(client, make_account(roles=[(Role.OFFICER, tree.city)]))
    page = client.get("/staff").text
    assert "<b>6</b>" in page and "<b>9</b>" not in page
    assert "待您处理" in page or "等您" in page


def test_who_sees_no_unions_sees_no_figures(app, db):
    class Nobody:
        def may(self, permission: Permission) -> bool:
            return False

    assert queries.figures_of_week(Nobody()) == []
