"""A register that was kept before 0002 keeps its phones and stars, forth and back."""

from __future__ import annotations

import os

import sqlalchemy as sa
from flask_migrate import downgrade, upgrade

from portal import create_app, postgres
from portal.db import db as database
from tests.conftest import settings_for

OLD = """
    INSERT INTO divisions (code, name, level, statutory) VALUES ('410105', '金水区', 'county', true);
    INSERT INTO unions (id, code, name, kind, level, created_at)
        SELECT gen_random_uuid(), 'u', '工会', kinds.word, levels.word, now()
        FROM (SELECT substring(pg_get_constraintdef(oid) FROM '''([a-z_]+)''') AS word
              FROM pg_constraint WHERE conname = 'ck_unions_union_kind') kinds,
             (SELECT substring(pg_get_constraintdef(oid) FROM '''([a-z_]+)''') AS word
              FROM pg_constraint WHERE conname = 'ck_unions_union_level') levels;
"""
STATION = """
    INSERT INTO stations (id, code, name, kind, tier, grade, stars, status, union_id, county_code, address, phone, services,
        is_demo, created_at)
    SELECT gen_random_uuid(), CAST(:code AS text), CAST(:code AS text), 'care_station', 'station', 'basic', :stars,
        'open', id, '410105', '路', :phone,
        ARRAY['rest'], false, '2025-12-31 20:00+00' FROM unions
"""


def test_phones_and_stars_are_carried_over(template_url, worker_id):
    name = f"portal_carry_{worker_id}_{os.getpid()}"
    postgres.drop_database(template_url, name)
    postgres.create_database(template_url, name)
    url = postgres.with_database(template_url, name)
    app = create_app(settings_for(url), database_url=url)
    with app.app_context():
        upgrade(revision="0001")
        with database.engine.begin() as old:
            old.execute(sa.text(OLD))
            for code, stars, phone in (("a", 4, "0371-65506000"), ("b", None, None)):
                old.execute(sa.text(STATION), {"code": code, "stars": stars, "phone": phone})
        upgrade(revision="0002")
        with database.engine.begin() as new:
            assert new.execute(sa.text("SELECT phone, position, label FROM station_phones")).all() == [("0371-65506000", 0, None)]
            ratings = new.execute(sa.text("SELECT stars, rated_on::text FROM star_ratings")).all()
            assert ratings == [(4, "2026-01-01")]  # the day in Shanghai
            new.execute(sa.text("INSERT INTO station_phones SELECT station_id, '12351', NULL, -1 FROM station_phones"))
        downgrade(revision="0001")
        with database.engine.begin() as old:
            assert old.execute(sa.text("SELECT code, phone FROM stations ORDER BY code")).all() == [("a", "12351"), ("b", None)]
        upgrade(revision="0002")
        database.session.remove()
        database.engine.dispose()
        app.extensions["portal.autocommit"].dispose()
    postgres.drop_database(template_url, name)
