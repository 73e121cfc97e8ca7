"""What an officer types about a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import IntegerField, TextAreaField
from wtforms.validators import Optional

from portal.forms import Form, RadioField, SelectField, TextField
from portal.stations.register.forms import TicksField
from portal.types import tidy
from portal.vocabulary import Occupation
from portal.welfare.eligibility.models import Audience, LimitPeriod, PriorityGroup, RuleValues

SEXES = [("", _l("Women and men")), ("female", _l("Women only")), ("male", _l("Men only"))]
_NUMBER = {"inputmode": "numeric"}


class RuleForm(Form):
    """A rule as it is proposed; the next version begins with what is in force."""

    audience = RadioField(_l("Open to"), choices=Audience.choices(), default=Audience.ANYONE.value)
    occupations = TicksField(_l("Occupations"), Occupation, description=_l("None ticked: all occupations."))
    sex = SelectField(_l("Women or men"), choices=SEXES, default="")
    min_age = IntegerField(_l("From this age on"), [Optional()], description=_l("Whole years; the age itself is included."),
                           render_kw=_NUMBER)  # fmt: skip
    max_age = IntegerField(_l("Up to this age"), [Optional()], description=_l("Whole years; the age itself is included."),
                           render_kw=_NUMBER)  # fmt: skip
    union_code = TextField(_l("Only home unions beneath"), max_length=40,
                           description=_l("The code of a union. Empty: any home union, or none."))  # fmt: skip
    employers = TextAreaField(_l("Only who works for"), filters=[tidy], description=_l("One name a line. Empty: any employer."))
    interval_months = IntegerField(_l("Months until the same again"), [Optional()], render_kw=_NUMBER,
                                   description=_l("Counted from the day it was received, in whichever programme."))  # fmt: skip
    person_limit = IntegerField(_l("At most per person"), [Optional()], render_kw=_NUMBER)
    limit_period = SelectField(_l("In what time"), choices=[("", _l("No limit")), *LimitPeriod.choices()], default="")
    priority_groups = TicksField(_l("Who comes first"), PriorityGroup,
                                 description=_l("On the waiting list and in the first hours, in this order."))  # fmt: skip
    first_hours = IntegerField(_l("First hours only for them"), [Optional()], default=0, render_kw=_NUMBER,
                               description=_l("Hours after booking opens; 0 opens it to all at once."))  # fmt: skip
    reason = TextField(_l("Why the rule is so"), max_length=200, description=_l("Whoever approves it reads this."))

    def values(self, within_union_id: UUID | None) -> RuleValues:
        """What was typed, as the command takes it."""
        return RuleValues(
            audience=Audience(self.audience.data), occupations=tuple(one.value for one in self.occupations.chosen()),
            sex=self.sex.data or None, min_age=self.min_age.data, max_age=self.max_age.data, within_union_id=within_union_id,
            employers=tuple(dict.fromkeys(line.strip() for line in (self.employers.data or "").splitlines() if line.strip())),
            interval_months=self.interval_months.data, person_limit=self.person_limit.data,
            limit_period=LimitPeriod(self.limit_period.data) if self.limit_period.data else None,
            priority_groups=tuple(one.value for one in self.priority_groups.chosen()),
            first_hours=self.first_hours.data or 0, reason=self.reason.data,
        )  # fmt: skip

    @staticmethod
    def known(rule: Any, codes: Mapping[UUID, str]) -> dict[str, Any]:
        """A rule as the form shows it; ``codes`` of unions by id."""
        return {
            "audience": rule.audience.value, "occupations": list(rule.occupations), "sex": rule.sex or "",
            "min_age": rule.min_age, "max_age": rule.max_age, "union_code": codes.get(rule.within_union_id),
            "employers": "\n".join(rule.employers), "interval_months": rule.interval_months, "person_limit": rule.person_limit,
            "limit_period": rule.limit_period.value if rule.limit_period else "", "priority_groups": list(rule.priority_groups),
            "first_hours": rule.first_hours,
        }  # fmt: skip
