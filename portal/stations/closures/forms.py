"""What a person types about days that differ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, HiddenField
from wtforms.validators import Optional

from portal.forms import Form, RadioField, SelectField, SelectMultipleField, TextField
from portal.i18n import say
from portal.stations.closures import rules
from portal.stations.closures.rules import Mode, Plan
from portal.stations.register.forms import as_query, read_filters

MODES = [(one.value, one) for one in (Mode.CLOSED, Mode.TIMES, Mode.AS_USUAL, Mode.WORKDAY)]
FILTERS = ("q", "status", "kind", "county", "grade", "needs")


class DaysForm(Form):
    """Which days, and what holds on them."""

    first_on = DateField(_l("First day"), [Optional()])
    last_on = DateField(_l("Last day"), [Optional()], description=_l("Empty: one day only."))
    mode = RadioField(_l("On these days"), choices=MODES, default=Mode.CLOSED.value)
    times = TextField(_l("Times"), max_length=100, description=_l("Only for other times: 09:00-15:00"))
    note = TextField(_l("Note for everyone"), max_length=60, description=_l("It stands beside the hours: closed for repainting."))

    def days(self) -> tuple[date, ...]:
        """The days that were chosen."""
        return rules.days_between(self.first_on.data, self.last_on.data)

    def plan(self) -> Plan | None:
        """What was typed; None with the errors said when it is not understood."""
        mode = Mode(self.mode.data)
        times, problems = rules.read_times(self.times.data) if mode is Mode.TIMES else ((), [])
        if not self.take([*problems, *rules.problems_with_range(self.first_on.data, self.last_on.data)]):
            return None
        return Plan(self.days(), mode, times, self.note.data)


class ManyForm(DaysForm):
    """The same for many stations: those that were chosen, or all that a filter leaves."""

    occasion = SelectField(_l("Holiday"), description=_l("Or choose days of your own below."))
    chosen = SelectMultipleField(_l("Stations"), validate_choice=False)
    q, status, kind, county, grade, needs = (HiddenField() for _name in FILTERS)

    def offer(self, today: date) -> None:
        """Fill in the holidays that are still to come."""
        self.known = {one.key: one for one in rules.occasions(today)}
        self.occasion.choices = [("", _l("Days of one's own")), *((key, say(one.says)) for key, one in self.known.items())]

    def days(self) -> tuple[date, ...]:
        """The days of the holiday, or those that were typed."""
        return self.known[self.occasion.data].days if self.occasion.data else super().days()

    @property
    def codes(self) -> list[str]:
        """The codes of the chosen stations."""
        return list(dict.fromkeys(code[:20] for code in self.chosen.data or ()))

    @property
    def filters(self) -> dict[str, Any]:
        """The filter that names the stations, if none were chosen one by one."""
        return read_filters({name: self[name].data or "" for name in FILTERS})

    @classmethod
    def from_query(cls, args: Mapping[str, str]) -> ManyForm:
        """The form for what the list was narrowed to."""
        return cls(data=as_query(read_filters(args)))
