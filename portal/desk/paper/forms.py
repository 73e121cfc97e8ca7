"""A sheet as it is typed in: its head, and thirty rows that keep everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import DateField, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from portal.desk.handouts.forms import moment, read_time
from portal.desk.paper import rules
from portal.desk.paper.commands import Row
from portal.desk.paper.models import DiscrepancyKind
from portal.forms import Form, Present, SelectField, TextField
from portal.types import Problem, tidy
from portal.vocabulary import BasicService, Occupation

FIELDS = ("time", "occupation", "service", "heads", "who")


class SheetForm(Form):
    """The head of a sheet."""

    serial = TextField(_l("Serial of the sheet"), [Present()], max_length=40)
    day = DateField(_l("Day"), [InputRequired(_l("Please fill this in."))])
    total = IntegerField(_l("Total on the sheet, if it has one"), [Optional(), NumberRange(0, 9999)])
    handout = SelectField(_l("Belongs to a hand-out"), validate_choice=True)
    programme = SelectField(_l("What was given came from a programme"), validate_choice=True, default="")


class SettleForm(Form):
    """What was found."""

    note = TextField(_l("What was found"), [Present()], max_length=300)


@dataclass
class TypedRow:
    """One row of the grid, word for word."""

    position: int
    typed: dict[str, str]
    wrong: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.typed["time"] or self.typed["heads"] or self.typed["who"])


@dataclass
class Grid:
    """The rows of a sheet: what was typed, what it means, what is wrong with it."""

    rows: list[TypedRow]
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def read(cls, sent: Mapping[str, str], service: str = "") -> Grid:
        """The grid as it was sent; missing fields are empty."""
        rows = []
        for number in range(1, rules.ROWS + 1):
            typed = {name: (sent.get(f"{name}-{number}") or "")[:60] for name in FIELDS}
            typed["service"] = typed["service"] or service
            rows.append(TypedRow(number, typed))
        return cls(rows)

    def values(self, day: date | None, now: datetime) -> list[Row]:
        """The filled rows; ``problems`` holds what is wrong with the others."""
        found = []
        for row in self.rows:
            if row.is_empty:
                continue
            at = read_time(row.typed["time"])
            when = moment(day, at) if day and at else None
            who, heads = tidy(row.typed["who"]), _number(row.typed["heads"])
            problems = rules.problems_with_row(row.position, at=when, now=now, heads=heads, who=who)
            row.wrong = bool(problems)
            self.problems += problems
            if not problems and when:
                occupation = _word(Occupation, row.typed["occupation"], Occupation.OTHER)
                service = _word(BasicService, row.typed["service"], BasicService.OTHER)
                found.append(Row(row.position, when, occupation, service, heads or 1, who))
        return found


def _number(typed: str) -> int | None:
    """A count; empty is one, what is no number is None."""
    plain = tidy(typed)
    if not plain:
        return 1
    return int(plain) if plain.isdecimal() and len(plain) < 6 else None


def _word(words, typed: str, otherwise):
    return words(typed) if typed in {word.value for word in words} else otherwise


def read_filters(args: Mapping[str, str]) -> dict:
    """Search and filters of the keeper's list."""
    kind = args.get("kind", "")
    return {
        "q": tidy(args.get("q")),
        "kind": DiscrepancyKind(kind) if kind in {one.value for one in DiscrepancyKind} else None,
        "settled": args.get("state") == "settled",
    }


def read_handout(typed: str | None) -> UUID | None:
    """The chosen hand-out, if any."""
    return UUID(typed) if typed else None
