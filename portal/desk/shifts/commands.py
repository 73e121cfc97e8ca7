"""Changes of who stands at the counter. The row of the device is locked, so of two at once one comes after the other."""

from __future__ import annotations

from dataclasses import dataclass

from portal import audit, clock, sessions
from portal.access import By
from portal.db import db
from portal.desk.shifts import queries, rules
from portal.desk.shifts.models import Shift, StationDevice
from portal.stations.register.models import Station
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.staff import commands as staff
from portal.unions.staff.models import Account


def pair_device(*, station: Station, name: str, token_digest: bytes, replaces: StationDevice | None, by: By) -> StationDevice:
    """Pair the screen that holds the token with a station; what it was paired with before ends. Flushes."""
    if replaces is not None:
        revoke_device(device=replaces, station=queries.station_of(replaces), by=by)
    device = StationDevice(
        id=new_id(), station_id=station.id, name=name, token_digest=token_digest, paired_at=clock.now(), paired_by=by.id
    )
    db.session.add(device)
    db.session.flush()
    audit.record("device.paired", by=by, subject=device, union_id=station.union_id, name=name, code=station.code)
    return device


def revoke_device(*, device: StationDevice, station: Station, by: By) -> None:
    """The screen is nobody's from now on; whoever is signed in on it is out, a shift that runs is over."""
    db.session.refresh(device, with_for_update=True)
    if device.revoked_at:
        return
    device.revoked_at, device.revoked_by = clock.now(), by.id
    sessions.close_on_device(device.id)
    if shift := queries.find_open_shift(device.id):
        _end_forgotten(shift, station, by)
    db.session.flush()
    audit.record("device.revoked", by=by, subject=device, union_id=station.union_id, name=device.name, code=station.code)


def check_pin(*, account: Account | None, pin: str, by: By) -> bool:
    """Whether this is the PIN of somebody who may serve here (None: of nobody, after the same work)."""
    return staff.check_pin(account=account, pin=pin, by=by)


def note_many_wrong_pins(*, device: StationDevice, station: Station, account: Account, by: By) -> None:
    """Write down that a PIN was guessed at until the tablet refused to listen; it stays whatever becomes of the request."""
    audit.record_refusal("account.pin_guessed", by=by, subject=account, union_id=station.union_id, name=device.name)


@dataclass(frozen=True)
class Begun:
    """A shift that began, or goes on; ``forgotten`` is the one before, if it was never handed over."""

    shift: Shift
    forgotten: Shift | None = None


def begin_shift(*, token_digest: bytes | None, account: Account, by: By) -> Begun:
    """The person stands at the device from now on: sessions before them end, their own shift of today goes on.

    Raises Refused when the device was revoked in the meantime.
    """
    device = queries.find_device(token_digest, lock=True)
    if device is None:
        raise Refused([Problem("revoked", text(N_("This screen is no longer paired with the station.")))])
    sessions.close_on_device(device.id)
    device.last_seen_at = clock.now()
    station, running = queries.station_of(device), queries.find_open_shift(device.id)
    audit.record("device.signed_in", by=by, subject=device, union_id=station.union_id, name=device.name, code=station.code)
    if running and running.account_id == account.id and clock.now() - running.began_at < rules.LONGEST_SHIFT:
        return Begun(running)
    if running:
        _end_forgotten(running, station, by)
    shift = Shift(
        id=new_id(), station_id=station.id, device_id=device.id, account_id=account.id, began_at=clock.now(),
        forgotten=False, left=[],
    )  # fmt: skip
    db.session.add(shift)
    db.session.flush()
    return Begun(shift, running)


def _end_forgotten(shift: Shift, station: Station, by: By) -> None:
    shift.ended_at, shift.forgotten = max(clock.now(), shift.began_at), True
    db.session.flush()
    audit.record("shift.forgotten", by=by, subject=shift, union_id=station.union_id, code=station.code,
                 name=queries.find_name(shift.account_id))  # fmt: skip


def hand_over(*, shift: Shift, station: Station, left: list[str], notes: str | None, by: By) -> None:
    """End one's own shift with what is left for the next. Raises Refused."""
    if problems := rules.problems_with_handover(left, notes):
        raise Refused(problems)
    shift = queries.get_shift(shift.id, station, lock=True)
    if shift.ended_at or shift.account_id != by.id:
        raise Refused([Problem("over", text(N_("This shift is over already.")))])
    shift.ended_at, shift.left, shift.notes = max(clock.now(), shift.began_at), left, notes
    db.session.flush()
    given = queries.figures([shift])[shift.id]
    audit.record("shift.handed_over", by=by, subject=shift, union_id=station.union_id, code=station.code,
                 visits=given.visits, identified=given.identified)  # fmt: skip


def acknowledge(*, shift: Shift, station: Station, by: By) -> None:
    """Put one's name under having read a handover; the first name stays. Raises Refused."""
    shift = queries.get_shift(shift.id, station, lock=True)
    over = shift.ended_at is not None
    if problems := rules.problems_with_acknowledging(own=shift.account_id == by.id, forgotten=shift.forgotten, over=over):
        raise Refused(problems)
    if shift.acknowledged_at:
        return
    shift.acknowledged_at, shift.acknowledged_by = max(clock.now(), shift.ended_at), by.id
    db.session.flush()
    audit.record("shift.acknowledged", by=by, subject=shift, union_id=station.union_id, code=station.code)
