"""Changes to wishes: one more voice, and what the union makes of it."""

from __future__ import annotations

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.stations.wishes import queries, rules
from portal.stations.wishes.models import Wish, WishState, WishVoice
from portal.stations.wishes.rules import WishValues
from portal.types import N_, Problem, Refused, new_id, text


def wish(*, values: WishValues, by: By, is_demo: bool = False) -> Wish:
    """Add one voice: to the open wish for this place, or to a new one. Raises Refused.

    The county's row is locked first, so that wishes made at once find each other.
    """
    problems = rules.problems_with_wish(values)
    if problems:
        raise Refused(problems)
    county = queries.lock_county(values.county_code)
    union_id = queries.union_for_county(values.county_code) if county else None
    if union_id is None:
        raise Refused([Problem("county_unknown", text(N_("Choose a county from the list.")), field="county_code")])
    key, point, now = rules.place_key(values.place), rules.rounded(values.point), clock.now()
    found = queries.find_same(county.code, key, (float(point[0]), float(point[1])) if point else None)
    if found is None:
        lat, lng = point or (None, None)
        found = Wish(
            id=new_id(), union_id=union_id, county_code=county.code, place=values.place, place_key=key, lat=lat, lng=lng,
            voices=1, state=WishState.NEW, is_demo=is_demo, first_at=now, last_at=now,
        )  # fmt: skip
        db.session.add(found)
        audit.record("wish.made", by=by, subject=found, union_id=union_id)
    else:
        found.voices = Wish.voices + 1
        found.last_at = now
        if point and found.lat is None:
            found.lat, found.lng = point
        audit.record("wish.joined", by=by, subject=found, union_id=found.union_id)
    db.session.flush()
    missing = [one.value for one in values.missing]
    db.session.add(WishVoice(wish_id=found.id, occupation=values.occupation, missing=missing, words=values.words, at=now))
    db.session.flush()
    return found


def set_state(*, wish: Wish, state: WishState, by: By, reason: str | None = None, station: Station | None = None) -> None:
    """Say what becomes of a wish; declined needs a reason, built needs the station. Raises Refused."""
    if state is WishState.CONSIDERED:  # the county before the wish, as a new voice locks them
        queries.lock_county(wish.county_code)
    wish = queries.lock_wish(wish.id)
    problems = rules.problems_with_state(wish.state, state, reason, has_station=station is not None)
    if not problems and state is WishState.CONSIDERED and _is_taken(wish):
        says = text(N_("Another wish for this place is open already; go on with that one."))
        problems = [Problem("taken", says, field="state")]
    if problems:
        raise Refused(problems)
    built = station if state is WishState.BUILT else None
    details = {"station": built.code} if built else {}
    before, wish.state = wish.state, state
    wish.reason, wish.station_id = reason if state is WishState.DECLINED else None, built.id if built else None
    audit.record("wish.state_set", by=by, subject=wish, union_id=wish.union_id, state=[before.value, state.value], **details)
    db.session.flush()


def _is_taken(wish: Wish) -> bool:
    """Whether an open wish for the same place came while this one was declined; its county is locked."""
    other = queries.find_same(wish.county_code, wish.place_key, None)
    return other is not None and other.id != wish.id
