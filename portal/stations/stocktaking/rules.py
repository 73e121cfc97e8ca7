"""What is decided from values alone: what a count says about the book, what a transfer or a write-off may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from portal.stations.supplies import rules as supplies
from portal.stations.supplies.models import SupplyKind
from portal.types import N_, Problem, text


@dataclass(frozen=True)
class Counted:
    """What a count does to the book: ``explained`` left for what was given without it, the rest is found or missing."""

    explained: int
    found: int
    missing: int


def compare(booked: int, shortage: int, counted: int) -> Counted:
    """The book against the shelf. Fewer than booked: first what was given beside the book explains it, the rest is missing.

    booked − explained + found − missing = counted, always.
    """
    gap = booked - counted
    explained = min(max(gap, 0), shortage)
    return Counted(explained, max(-gap, 0), max(gap, 0) - explained)


def problems_with_count(kind: SupplyKind, counted: int, note: str | None) -> list[Problem]:
    """Whether somebody can have counted this."""
    found = supplies.problems_with_note(note)
    if kind is SupplyKind.KIT:
        found.append(Problem("is_kit", text(N_("A pack is put together when it is given; count its parts."))))
    if not 0 <= counted <= supplies.MOST:
        says = text(N_("Enter a whole number from 0 to %(most)s."), most=supplies.MOST)
        found.append(Problem("counted", says, field="counted"))
    return found


def problems_with_found(found: int, *, has_lot: bool, expires: bool, expires_on: date | None, today: date) -> list[Problem]:
    """More is there than the book has, and no lot is left to put it to: then its date must be said."""
    if not found or has_lot or not expires:
        return []
    if expires_on is None:
        says = text(N_("The book has no lot left for what was found. Say until when it is good; it stands on the box."))
        return [Problem("expiry_missing", says, field="expires_on")]
    if expires_on < today:
        says = text(N_("What is past its date is not counted; it may not be given."))
        return [Problem("expired", says, field="expires_on")]
    return []


def problems_with_sending(
    kind: SupplyKind, from_id: UUID, to_id: UUID | None, quantity: int, note: str | None, *, serves: bool, usable_there: bool
) -> list[Problem]:
    """Whether an item may be sent from one station to another."""
    found = supplies.problems_with_quantity(quantity) + supplies.problems_with_note(note)
    if kind is SupplyKind.KIT:
        found.append(Problem("is_kit", text(N_("A pack is put together when it is given; send its parts."))))
    if to_id is None:
        says = text(N_("No station has this code. It stands on the door and in the list of stations."))
        found.append(Problem("no_station", says, field="to"))
    elif to_id == from_id:
        found.append(Problem("same_station", text(N_("Choose another station than this one.")), field="to"))
    elif not serves:
        found.append(Problem("station_shut", text(N_("This station does not serve now.")), field="to"))
    elif not usable_there:
        found.append(Problem("not_usable", text(N_("That station does not stock items of this union.")), field="to"))
    return found


def problems_with_arrival(sent: int, received: int, note: str | None, *, is_mine: bool, is_open: bool) -> list[Problem]:
    """Whether the other side may say how much arrived: once, not more than was sent, with words if it is less."""
    if not is_mine:
        return [Problem("not_yours", text(N_("Only the station it was sent to can say what arrived.")))]
    if not is_open:
        return [Problem("settled", text(N_("This transfer is settled already.")))]
    if not 0 <= received <= sent:
        says = text(N_("%(sent)s were sent; enter a number from 0 to %(sent)s."), sent=sent)
        return [Problem("received", says, field="received")]
    needed = text(N_("Say in a few words what happened to the rest.")) if received < sent else None
    return supplies.problems_with_note(note, needed=needed)


def problems_with_calling_back(*, is_mine: bool, is_open: bool) -> list[Problem]:
    """Whether the sender may take it back: as long as nobody said that it arrived."""
    if not is_mine:
        return [Problem("not_yours", text(N_("Only the station that sent it can take it back.")))]
    return [] if is_open else [Problem("settled", text(N_("This transfer is settled already.")))]


def shares_of(parts: Iterable[tuple[UUID, int]], received: int) -> list[tuple[UUID, int, int]]:
    """What arrived of each lot that was sent, in the order given, and what did not: (lot, arrived, lost)."""
    shares = []
    for lot_id, sent in parts:
        arrived = min(sent, received)
        received -= arrived
        shares.append((lot_id, arrived, sent - arrived))
    return shares


def problems_with_asking(on_hand: int, quantity: int, reason: str | None, *, is_good: bool, waits: bool) -> list[Problem]:
    """Whether a lot may be asked to be written off: past its date, and nobody asked yet."""
    if is_good:
        return [Problem("still_good", text(N_("This lot is still good. If it is spoilt, enter a loss with its reason.")))]
    if waits:
        return [Problem("asked_already", text(N_("Somebody asked already; it waits for a second person.")))]
    needed = text(N_("Say in a few words what happens to it."))
    found = supplies.problems_with_note(reason, needed=needed, field="reason")
    if not 1 <= quantity <= on_hand:
        says = text(N_("The book has %(left)s; enter a number from 1 to %(left)s."), left=on_hand)
        found.append(Problem("quantity", says, field="quantity"))
    return found


def problems_with_deciding(asked_by: UUID, decides: UUID | None, quantity: int, on_hand: int, *, is_open: bool) -> list[Problem]:
    """Whether somebody may confirm or decline: another person than the one who asked, and only once."""
    if not is_open:
        return [Problem("settled", text(N_("Somebody decided this already.")))]
    if decides is None or decides == asked_by:
        return [Problem("two_people", text(N_("You asked for this yourself; a second person confirms it.")))]
    if quantity > on_hand:
        says = text(N_("The book has only %(left)s left. Decline, and ask anew."), left=on_hand)
        return [Problem("quantity", says)]
    return []
