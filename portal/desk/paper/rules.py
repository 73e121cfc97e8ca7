"""What is decided about paper sheets and discrepancies from values alone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from portal.desk.paper.models import DiscrepancyKind
from portal.types import N_, Problem, Text, text
from portal.vocabulary import BasicService
from portal.welfare.deliveries.models import Flag

ROWS = 30  # on one sheet
MOST_HEADS = 200
SHEET_WITHIN = timedelta(days=100)
SERIAL = re.compile(r"[A-Z0-9][A-Z0-9-]{3,39}")


def normal_serial(value: str | None) -> str:
    """Upper case, without blanks."""
    return re.sub(r"\s", "", value or "").upper()


def problems_with_sheet(serial: str, day: date, today: date, *, rows: int, taken: bool) -> list[Problem]:
    """Why a sheet cannot be entered as it is: never because of what was given."""
    found = []
    if not SERIAL.fullmatch(serial):
        found.append(
            Problem("serial", text(N_("The serial stands at the top of the sheet: letters, digits and dashes.")), field="serial")
        )
    if taken:
        found.append(Problem("taken", text(N_("This sheet was entered already.")), field="serial"))
    if day > today:
        found.append(Problem("day", text(N_("This day is still to come.")), field="day"))
    if today - day > SHEET_WITHIN:
        found.append(Problem("day", text(N_("This is more than %(days)s days ago."), days=SHEET_WITHIN.days), field="day"))
    if not rows:
        found.append(Problem("rows", text(N_("Fill in at least one row."))))
    return found


def problems_with_row(number: int, *, at: datetime | None, now: datetime, heads: int | None, who: str | None) -> list[Problem]:
    """Why a row cannot be read."""
    found = []

    def wrong(says: str, **values) -> None:
        found.append(Problem("row", text(N_("Row %(row)s: %(what)s"), row=number, what=text(says, **values))))

    if at is None:
        wrong(N_("a time such as 14:30 is missing."))
    elif at > now:
        wrong(N_("this time is still to come."))
    if heads is None or not 1 <= heads <= MOST_HEADS:
        wrong(N_("a count from 1 to %(most)s."), most=MOST_HEADS)
    elif who and heads != 1:
        wrong(N_("either one person with a card or phone, or a count."))
    return found


def masked_key(typed: str) -> str:
    """What was written, so far as the keeper may see it: its last two signs."""
    return f"…{typed[-2:]}" if len(typed) > 4 else "…"


def words_for(kind: DiscrepancyKind, details: dict) -> Text:
    """A discrepancy in a sentence."""
    message = {
        DiscrepancyKind.AGAIN_TODAY: N_("Row %(row)s: the same service to the same person twice that day."),
        DiscrepancyKind.OVER_QUANTITY: N_("%(given)s were given of %(quantity)s: %(title)s."),
        DiscrepancyKind.STATION_CLOSED: N_("Row %(row)s: the station was closed at %(time)s."),
        DiscrepancyKind.TOTAL_DIFFERS: N_("The sheet says %(total)s in all; its rows come to %(rows)s."),
        DiscrepancyKind.NOT_RECOGNISED: N_("Row %(row)s: nobody was recognised by %(written)s; counted without a name."),
        DiscrepancyKind.UNKNOWN_CARD: N_("A card was unknown or revoked; counted without a name."),
        DiscrepancyKind.WRONG_CLOCK: N_("The tablet's clock said %(device)s; counted when it arrived."),
        DiscrepancyKind.KEY_REUSED: N_("The same entry came again as %(service)s × %(heads)s; the first one counts."),
        DiscrepancyKind.UNREADABLE: N_("An entry of the tablet could not be read and was not counted."),
        DiscrepancyKind.DID_NOT_FIT: N_("Row %(row)s, %(programme)s: %(why)s."),
    }[kind]
    known = {name: details.get(name, "–") for name in re.findall(r"%\((\w+)\)s", message)}
    if details.get("service"):
        known["service"] = BasicService(details["service"])
    if kind is DiscrepancyKind.DID_NOT_FIT:
        known["why"] = Flag(details["why"])
    return text(message, **known)


def problems_with_settling(*, settled: bool, note: str | None) -> list[Problem]:
    """Why a discrepancy cannot be settled."""
    if settled:
        return [Problem("settled", text(N_("This was settled already.")))]
    if not (note or "").strip():
        return [Problem("note", text(N_("Say in a few words what was found.")), field="note")]
    return []
