"""The demonstration's sessions and shares: none without programmes, some around today with them."""

from __future__ import annotations

from datetime import timedelta

from portal import clock
from portal.access import Role
from portal.db import db as database
from portal.demonstration import sessions as demonstration
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions.models import ServiceSession
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme


def test_sessions_and_shares_around_today(db):
    tree = small_tree()
    make_account(roles=[(Role.OFFICER, tree.city)], sign_in_name="officer")
    assert demonstration.make("test", clock.now()) == "0 sessions, 0 shares of quotas"
    station = make_station(union=tree.county)
    programme = make_programme(tree.city, stations=(station,), quota=60)
    made = demonstration.make("test", clock.now())
    database.session.commit()
    assert made.endswith("shares of quotas")
    days = [clock.business_day(one.starts_at) for one in database.session.query(ServiceSession)]
    assert min(days) < clock.today() < max(days) and max(days) <= clock.today() + timedelta(weeks=3)
    shares = database.session.query(QuotaShare).filter_by(programme_id=programme.id).all()
    assert {one.taken_back_at is not None for one in shares} == {True, False}
    assert any(one.station_id == station.id for one in shares)
