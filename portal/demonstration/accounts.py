"""Staff of the demonstration: an account for each role with a password of this instance, and colleagues elsewhere.

Passwords and second factors are drawn once for each instance folder and kept in `demo-accounts.json` (mode 0600); the
database holds what it always holds, a hash and a ciphertext.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
import sqlalchemy as sa
from argon2.exceptions import InvalidHashError, VerificationError
from faker import Faker

from portal import audit, clock
from portal.access import SYSTEM, Role
from portal.db import db
from portal.demonstration.people import GUEST, MEMBER, Person
from portal.demonstration.places import HOME_CITY, HOME_COUNTY, Place
from portal.desk.shifts.rules import SERVING_ROLES
from portal.types import new_id
from portal.unions.staff import commands, queries, rules
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Union

FILE = "demo-accounts.json"
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is easily taken for something else

Officers = dict[str, tuple[UUID, str]]  # id and name of each city federation's officer, by the federation's code


@dataclass(frozen=True)
class Part:
    """One of the accounts of demo-accounts.json: who, what for, where it begins."""

    role: Role
    person: str
    unions: tuple[str, ...]
    first_address: str


CITY_FEDERATION = f"{HOME_CITY}-X"
PARTS = (
    Part(Role.OPERATOR, "周敏", (HOME_COUNTY,), "/desk"),
    Part(Role.KEEPER, "孙建军", (HOME_COUNTY,), "/staff/stations"),
    Part(Role.HOST, "何丽", (HOME_COUNTY,), "/host"),
    # The federation reaches the county federations by dual leadership, the general union reaches the stations.
    Part(Role.OFFICER, "陈立新", (CITY_FEDERATION, HOME_CITY), "/applications"),
    Part(Role.FINANCE, "赵会敏", (HOME_CITY,), "/budgets"),
    Part(Role.APPROVER, "郑国栋", (HOME_CITY,), "/budgets"),
    Part(Role.AUDITOR, "冯审言", ("41",), "/audit"),
    Part(Role.ADMINISTRATOR, "吴管理", ("41",), "/staff/accounts"),
)


def password() -> str:
    """Four groups of five signs, about 99 bits."""
    return "-".join("".join(secrets.choice(SIGNS) for _ in range(5)) for _ in range(4))


def ensure(instance: Path) -> list[dict[str, Any]]:
    """The eight accounts with passwords that work, as entries of the file; what it holds is kept where it still works.

    Flushes.
    """
    kept = {entry["name"]: entry for entry in read(instance) if entry.get("password") and entry.get("totp_secret")}
    codes = {code for part in PARTS for code in part.unions}
    unions = {union.code: union for union in db.session.scalars(sa.select(Union).where(Union.code.in_(codes)))}
    entries = []
    for part in PARTS:
        name = part.role.value
        known = kept.get(name, {})
        known = {
            "password": known.get("password") or password(),
            "totp_secret": known.get("totp_secret") or pyotp.random_base32(),
        }
        account = queries.find_account_by_name(name)
        if account is None:
            account = commands.create_account_with_secret(sign_in_name=name, name=part.person, **known, by=SYSTEM)
            for code in part.unions:
                commands.appoint(account=account, union=unions[code], role=part.role, by=SYSTEM)
        else:
            _make_it_take(account, **known)
        if part.role in SERVING_ROLES:
            known["pin"] = kept.get(name, {}).get("pin") or pin()
            _make_pin_take(account, known["pin"])
        entries.append(
            {"role": name, "name": name, **known, "first_address": part.first_address, "person": part.person,
             "unions": [unions[code].name for code in part.unions]}
        )  # fmt: skip
    db.session.flush()
    return entries


def pin() -> str:
    """Six digits that the portal takes."""
    while rules.problems_with_pin(drawn := "".join(secrets.choice("0123456789") for _ in range(6))):
        pass
    return drawn


def _make_pin_take(account: Account, wanted: str) -> None:
    """Give an account this PIN for paired screens, unless it has it."""
    try:
        commands.hasher.verify(account.pin_hash or "", wanted)
    except (VerificationError, InvalidHashError):
        account.pin_hash, account.pin_set_at = commands.hasher.hash(wanted), clock.now()


def _make_it_take(account: Account, password: str, totp_secret: str) -> None:
    """Give an account this password and second factor, unless it has them: the file or the database may be older."""
    try:
        commands.hasher.verify(account.password_hash or "", password)
    except (VerificationError, InvalidHashError):
        account.password_hash = commands.hasher.hash(password)
    if account.totp != totp_secret:
        account.totp, account.totp_last_step = totp_secret, 0


def add_colleagues(places: list[Place], seed: str) -> Officers:
    """An operator for each county with stations and an officer for each city's federation, without a password.

    Gives each place the people behind its counter. Flushes.
    """
    fake = Faker("zh_CN")
    fake.seed_instance(f"{seed}:colleagues")
    counties = list(dict.fromkeys(place.county for place in places))
    federations = sorted({federation_above(code) for code in counties} - {CITY_FEDERATION})
    wanted = [(f"desk-{code}", Role.OPERATOR, code) for code in counties]
    wanted += [(f"officer-{code.lower()}", Role.OFFICER, code) for code in federations]
    # A county's federation has no people of its own for its money: the county general union's propose, review and approve.
    wanted += [(f"{role.value}-{HOME_COUNTY}", role, HOME_COUNTY) for role in (Role.FINANCE, Role.APPROVER, Role.AUDITOR)]
    names = {name: fake.name() for name, _role, _code in wanted}
    ids = _insert(wanted, names)
    operators = {code: [ids[f"desk-{code}"]] for code in counties}
    operators[HOME_COUNTY].append(queries.find_account_by_name(Role.OPERATOR.value).id)
    for place in places:
        place.operators = operators[place.county]
    own = queries.find_account_by_name(Role.OFFICER.value)
    officers = {code: (ids[f"officer-{code.lower()}"], names[f"officer-{code.lower()}"]) for code in federations}
    return officers | {CITY_FEDERATION: (own.id, own.name)}


def _insert(wanted: list[tuple[str, Role, str]], names: dict[str, str]) -> dict[str, UUID]:
    """Accounts that nobody signs in with, each with one appointment; answers their ids by sign-in name."""
    moment, today = clock.now(), clock.today()
    codes = {code for _name, _role, code in wanted}
    unions = {row.code: row.id for row in db.session.execute(sa.select(Union.code, Union.id).where(Union.code.in_(codes)))}
    accounts = {
        name: Account(id=new_id(), sign_in_name=name, name=names[name], totp_last_step=0, created_at=moment)
        for name, _role, _code in wanted
    }
    db.session.add_all(accounts.values())
    db.session.flush()
    for name, role, code in wanted:
        account, union = accounts[name], unions[code]
        db.session.add(
            Appointment(id=new_id(), account_id=account.id, union_id=union, role=role, starts_on=today, created_at=moment)
        )
        audit.record("account.created", by=SYSTEM, subject=account, union_id=union, sign_in_name=name, role=role)
    db.session.flush()
    return {name: account.id for name, account in accounts.items()}


def federation_above(county: str) -> str:
    """The code of the federation of the city a county lies in; 济源 is its own."""
    return f"{county}-X" if county.startswith("4190") else f"{county[:4]}-X"


def find_operators(places: list[Place]) -> None:
    """Give each place the people behind its counter, as they stand in the database."""
    names = {f"desk-{place.county}" for place in places} | {Role.OPERATOR.value}
    known = dict(
        db.session.execute(
            sa.select(Account.sign_in_name, Account.id).where(Account.sign_in_name.in_(names), Account.closed_at.is_(None))
        ).all()
    )
    for place in places:
        own = [known.get(f"desk-{place.county}")]
        if place.county == HOME_COUNTY:
            own.append(known.get(Role.OPERATOR.value))
        place.operators = [one for one in own if one]


def of_workers(people: list[Person]) -> list[dict[str, Any]]:
    """The two workers of the file: one who joined, one who did not. They sign in by a code to their phone."""
    return [
        {"role": "worker", "name": people[number].phone, "password": None, "totp_secret": None, "first_address": "/me",
         "person": people[number].name, "joined": number == MEMBER}
        for number in (MEMBER, GUEST)
    ]  # fmt: skip


def ids_of_workers(people: list[Person]) -> tuple[UUID, ...]:
    """The same two, as they stand in the database."""
    return tuple(people[number].id for number in (MEMBER, GUEST))


def read(instance: Path) -> list[dict[str, Any]]:
    """What stands in the file; nothing if there is none or it cannot be read."""
    try:
        entries = json.loads((instance / FILE).read_text(encoding="utf-8"))
        return [entry for entry in entries if isinstance(entry, dict) and "name" in entry]
    except (OSError, ValueError, TypeError):
        return []


def write(instance: Path, entries: list[dict[str, Any]]) -> Path:
    """Write the file anew, whole or not at all, readable by its owner only."""
    path, draft = instance / FILE, instance / f"{FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)
    draft.replace(path)
    return path
