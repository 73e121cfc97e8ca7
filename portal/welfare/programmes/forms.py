"""What an officer types about a programme, and what an approver answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import DateField, DateTimeLocalField, IntegerField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal import clock
from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.i18n import money
from portal.stations.register.forms import TicksField
from portal.types import prose, tidy
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.programmes.models import BookingDays, Charge, Programme, ProgrammeStatus, Way
from portal.welfare.programmes.rules import Filters, LineChoice, ProgrammeValues
from portal.welfare.sources.forms import AmountField

FILL_IN = _l("Please fill this in.")
DEFAULTS = {"days_ahead": 14, "cancel_hours": 2, "grace_minutes": 10, "offer_minutes": 120}


class ProgrammeForm(Form):
    """A programme, in sections; `offer` fills what may be chosen."""

    name = TextField(_l("Name of the programme"), [Present()], max_length=80)
    item = SelectField(
        _l("What it gives"), description=_l("Without an item it is a heading that other programmes stand beneath.")
    )
    summary = TextAreaField(
        _l("In a sentence or two, for workers"), [Length(max=500)], filters=[prose], render_kw={"rows": 3, "maxlength": 500},
        description=_l("What one gets, where, and that it is free."),
    )  # fmt: skip
    owner_department = TextField(_l("Department in charge"), max_length=60)
    parent = SelectField(_l("Stands beneath"))

    starts_on = DateField(_l("First day"), [InputRequired(FILL_IN)])
    ends_on = DateField(_l("Last day"), [InputRequired(FILL_IN)], description=_l("This day included."))

    quota = IntegerField(
        _l("How many may be given in all"), [Optional(), NumberRange(1, 10_000_000)],
        description=_l("Empty: as many as money and stock allow."),
    )  # fmt: skip
    price = AmountField(_l("What one costs the union (yuan)"), [Optional(), NumberRange(min=0)])
    charge = RadioField(_l("How it is paid for"), choices=Charge.choices(), default=Charge.NOTHING.value)
    budget_line = SelectField(_l("Budget line"))

    ways = TicksField(_l("How people come to it"), Way)
    where = RadioField(
        _l("Where it is given"), default="places",
        choices=[("everywhere", _l("At every serving station of the union and below")),
                 ("places", _l("At chosen stations and providers (the next page)"))],
    )  # fmt: skip

    booking_days = SelectField(_l("Which days can be booked"), choices=BookingDays.choices())
    days_ahead = IntegerField(_l("Days ahead"), [Optional(), NumberRange(1, 180)])
    booking_opens_at = DateTimeLocalField(
        _l("Booking opens at"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        description=_l("Empty: as soon as the programme is open."),
    )  # fmt: skip
    cancel_hours = IntegerField(_l("Cancel until so many hours before"), [Optional(), NumberRange(0, 720)])
    grace_minutes = IntegerField(_l("A place is kept for so many minutes"), [Optional(), NumberRange(0, 240)])
    offer_minutes = IntegerField(
        _l("An offer from the waiting list holds for so many minutes"), [Optional(), NumberRange(5, 10080)]
    )

    def offer(
        self, items: Sequence[WelfareItem], headings: Sequence[Programme], lines: Sequence[LineChoice], names: Mapping[UUID, str]
    ) -> ProgrammeForm:
        """Let these items, headings and budget lines be chosen."""
        self.item.choices = [("", _l("Nothing itself: a heading")), *((str(one.id), one.name) for one in items)]
        self.parent.choices = [("", _l("Stands alone")), *((str(one.id), one.name) for one in headings)]
        said = ((str(one.line.id), f"{one.year} · {one.line.name} · {money(one.left)}") for one in lines)
        self.budget_line.choices = [("", _l("No budget line")), *said]
        for field in (self.item, self.parent):  # what it has may stay, though it is offered no more
            if field.object_data and field.object_data not in {one.value for one in field.choices}:
                field.choices.append(SelectChoice(field.object_data, names.get(UUID(field.object_data), "–")))
        return self

    def values(self) -> ProgrammeValues:
        """What was typed, as the command takes it."""
        opens = self.booking_opens_at.data
        known = {name: self[name].data for name in DEFAULTS}
        return ProgrammeValues(
            name=self.name.data, summary=self.summary.data or "", starts_on=self.starts_on.data, ends_on=self.ends_on.data,
            item_id=_id(self.item.data), parent_id=_id(self.parent.data), owner_department=self.owner_department.data,
            quota=self.quota.data, price=self.price.data or Decimal(0), charge=Charge(self.charge.data),
            budget_line_id=_id(self.budget_line.data), ways=tuple(one.value for one in self.ways.chosen()),
            everywhere=bool(self.item.data) and self.where.data == "everywhere", booking_days=BookingDays(self.booking_days.data),
            booking_opens_at=opens.replace(tzinfo=clock.SHANGHAI).astimezone(UTC) if opens else None,
            **{name: DEFAULTS[name] if value is None else value for name, value in known.items()},
        )  # fmt: skip

    @staticmethod
    def known(programme: Programme, pending: Mapping[str, Any]) -> dict[str, Any]:
        """A programme as the form shows it, with the change that waits."""
        same = ("name", "summary", "owner_department", "starts_on", "ends_on", "quota", "price", "days_ahead", "cancel_hours",
                "grace_minutes", "offer_minutes", "ways")  # fmt: skip
        read = {name: pending.get(name, getattr(programme, name)) for name in same}
        line = pending.get("budget_line_id", programme.budget_line_id)
        opens = programme.booking_opens_at
        return read | {
            "item": str(programme.item_id or ""), "parent": str(programme.parent_id or ""), "budget_line": str(line or ""),
            "charge": pending.get("charge", programme.charge).value, "booking_days": programme.booking_days.value,
            "where": "everywhere" if programme.everywhere else "places",
            "booking_opens_at": opens.astimezone(clock.SHANGHAI).replace(tzinfo=None) if opens else None,
        }  # fmt: skip

    @staticmethod
    def begun(item: WelfareItem | None, parent: Programme | None, today: date) -> dict[str, Any]:
        """What a new programme begins with."""
        known = {"starts_on": today, "ends_on": date(today.year, 12, 31), "ways": [Way.WALK_IN.value], "where": "everywhere",
                 "charge": Charge.NOTHING.value, "booking_days": BookingDays.AHEAD.value, **DEFAULTS,
                 "parent": str(parent.id) if parent else ""}  # fmt: skip
        return known | ({"item": str(item.id), "name": item.name, "price": item.unit_cost} if item else {"ways": []})


def _id(typed: str | None) -> UUID | None:
    return UUID(typed) if typed else None


class DecideForm(Form):
    """Approve, or return with what has to change."""

    opinion = TextField(_l("Opinion"), max_length=300, description=_l("To return it, say what has to change."))


class StatusForm(Form):
    """What a programme becomes."""

    status = SelectField(_l("New status"), choices=ProgrammeStatus.choices())


class StationPlaceForm(Form):
    """One more station."""

    code = TextField(_l("Station"), [Present()], max_length=40)


class ProviderForm(Form):
    """One more provider with its address."""

    provider_name = TextField(_l("Provider"), [Present()], max_length=120, description=_l("A hospital, a school, a bus."))
    address = TextField(_l("Address"), [Present()], max_length=200)


def _word(words: type, typed: str | None) -> Any:
    return words(typed) if typed in set(words) else None


def read_filters(args: Mapping[str, str]) -> Filters:
    """What the staff's list is narrowed to by its query string; a word that is none is no filter."""
    return Filters(
        q=tidy(args.get("q")), category=_word(WelfareCategory, args.get("category")),
        status=_word(ProgrammeStatus, args.get("status")), department=tidy(args.get("department")),
    )  # fmt: skip


def as_query(filters: Filters) -> dict[str, str]:
    """Filters as a query string's parts."""
    return {name: str(value) for name, value in asdict(filters).items() if value}


def read_public(args: Mapping[str, str]) -> dict[str, Any]:
    """What the public list is narrowed to."""
    county = args.get("county")
    return {
        "q": tidy(args.get("q")), "category": _word(WelfareCategory, args.get("category")),
        "county_code": county if county and county.isascii() and county.isalnum() else None,
    }  # fmt: skip
