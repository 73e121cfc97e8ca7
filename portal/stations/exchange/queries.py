"""Reads about loaded workbooks, and the stations their rows speak of."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import defer

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.stations.exchange.models import OPEN, ImportJob, LoadStatus, StagedImport, StationImport
from portal.stations.register.models import Station, StationStatus
from portal.unions.tree.models import Division, Union, UnionReach
from portal.unions.tree.queries import within

STAGED_FOR = timedelta(hours=24)
_WITHOUT_CONTENTS = (defer(StagedImport.content_cipher), defer(StagedImport.preview_cipher))


def stations_at(county_codes: Iterable[str], names: Iterable[str]) -> dict[tuple[str, str, str], Station]:
    """The stations of some counties that bear one of some names, by (county code, name, address)."""
    stations = db.session.scalars(
        sa.select(Station)
        .where(Station.county_code.in_(sorted(set(county_codes))), Station.name.in_(sorted(set(names))))
        .order_by(Station.code)
    )
    return {(one.county_code, one.name, one.address): one for one in stations}


def stations_by_code(codes: Iterable[str]) -> dict[str, Station]:
    """Stations by code, of whatever union."""
    stations = db.session.scalars(sa.select(Station).where(Station.code.in_(sorted(set(codes)))))
    return {one.code: one for one in stations}


def ids_within(union_ids: Iterable[UUID], roots: Sequence[UUID]) -> set[UUID]:
    """Which of these unions lie at or beneath ``roots``."""
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id.in_(roots), UnionReach.union_id.in_(set(union_ids)))
    return set(db.session.scalars(reached))


def towns_of(county_codes: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """(code, name) of the towns and streets of some counties, by county."""
    rows = db.session.execute(
        sa.select(Division.parent_code, Division.code, Division.name)
        .where(Division.parent_code.in_(sorted(set(county_codes))), Division.level == "town")
        .order_by(Division.code)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for county, code, name in rows:
        found.setdefault(county, []).append((code, name))
    return found


def neighbours_in(county_codes: Iterable[str]) -> Iterable[sa.Row]:
    """(code, name, county code, longitude, latitude, system) of what stands or is planned in some counties, of any union."""
    return db.session.execute(
        sa.select(Station.code, Station.name, Station.county_code, Station.lng, Station.lat, Station.crs)
        .where(Station.county_code.in_(sorted(set(county_codes))), Station.status != StationStatus.WITHDRAWN)
        .order_by(Station.code)
    )


def list_staged(account_id: UUID) -> list[StagedImport]:
    """The files that an account left, the newest first, without those that are the worker's to load."""
    taken = sa.exists().where(ImportJob.staged_id == StagedImport.id, ImportJob.status.in_(OPEN))
    return list(
        db.session.scalars(
            sa.select(StagedImport)
            .where(StagedImport.account_id == account_id, ~taken)
            .options(*_WITHOUT_CONTENTS)
            .order_by(StagedImport.id.desc())
        )
    )


def find_job(staged_id: UUID) -> ImportJob | None:
    """How far the worker is with a staged file; None if it was not asked to load it."""
    return db.session.scalars(sa.select(ImportJob).where(ImportJob.staged_id == staged_id)).one_or_none()


def take_staged() -> tuple[StagedImport, ImportJob] | None:
    """The next file for the worker, locked for this transaction; others pass over it."""
    query = (
        sa.select(StagedImport)
        .join(ImportJob, ImportJob.staged_id == StagedImport.id)
        .where(ImportJob.status.in_(OPEN))
        .order_by(ImportJob.at, StagedImport.id)
        .limit(1)
        .with_for_update(of=StagedImport, skip_locked=True, key_share=True)
    )
    if (staged := db.session.scalars(query).one_or_none()) is None:
        return None
    # Read after the lock is held: another worker may have finished it between looking and locking.
    job = find_job(staged.id)
    return (staged, job) if job and job.open else None


def jobs_of(staged: Iterable[StagedImport]) -> dict[UUID, ImportJob]:
    """The worker's part in some staged files, by their ids."""
    jobs = db.session.scalars(sa.select(ImportJob).where(ImportJob.staged_id.in_([one.id for one in staged])))
    return {one.staged_id: one for one in jobs}


def list_waiting(actor: Actor, permission: Permission) -> list[StagedImport]:
    """The files of this very account that wait to be looked at or to be loaded, within scope."""
    loaded = sa.exists().where(ImportJob.staged_id == StagedImport.id, ImportJob.status == LoadStatus.DONE)
    return list(
        db.session.scalars(
            sa.select(StagedImport)
            .where(
                ~loaded,
                StagedImport.account_id == actor.id,
                StagedImport.at > clock.now() - STAGED_FOR,
                within(StagedImport.union_id, actor, permission),
            )
            .options(*_WITHOUT_CONTENTS)
            .order_by(StagedImport.id.desc())
        )
    )


def get_staged(staged_id: UUID, actor: Actor, permission: Permission) -> StagedImport:
    """A file that waits, of this very account, no older than a day and within scope; raises NoResultFound (404) otherwise."""
    return db.session.scalars(
        sa.select(StagedImport).where(
            StagedImport.id == staged_id,
            StagedImport.account_id == actor.id,
            StagedImport.at > clock.now() - STAGED_FOR,
            within(StagedImport.union_id, actor, permission),
        )
    ).one()


def content_of(staged: StagedImport) -> bytes:
    """A waiting file as it came."""
    return base64.b64decode(staged.content)


def union_of(staged: StagedImport) -> Union:
    """The union in whose name a file was sent."""
    return db.session.get_one(Union, staged.union_id)


def get_import(import_id: UUID, actor: Actor, permission: Permission) -> StationImport:
    """One loaded file and what became of it, within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(StationImport).where(StationImport.id == import_id, within(StationImport.union_id, actor, permission))
    ).one()


def list_imports(actor: Actor, permission: Permission, limit: int = 10) -> list[StationImport]:
    """The files that were loaded last, within scope."""
    return list(
        db.session.scalars(
            sa.select(StationImport)
            .where(within(StationImport.union_id, actor, permission))
            .order_by(StationImport.id.desc())
            .limit(limit)
        )
    )
