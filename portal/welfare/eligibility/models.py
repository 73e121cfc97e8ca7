"""Who may have something, as data: versions of a rule that never change once written, so that a decision can name its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum


class Audience(Word):
    """How close to the union somebody must be; the sources disagree, so each rule says it, and says anyone by default."""

    ANYONE = "anyone", N_("Anyone")
    APPLICANT = "applicant", N_("Who applied to join, and members")
    MEMBER = "member", N_("Members")


class LimitPeriod(Word):
    """In what time a person's limit counts, on the calendar of Shanghai."""

    DAY = "day", N_("a day")
    MONTH = "month", N_("a month")
    YEAR = "year", N_("a year")
    PROGRAMME = "programme", N_("in the whole programme")


class PriorityGroup(Word):
    """Who comes first on a waiting list and in a members-first window."""

    MEMBER = "member", N_("Members")
    NEW_FORM_WORKER = "new_form_worker", N_("Workers in new forms of employment")
    MIGRANT_WORKER = "migrant_worker", N_("Rural migrant workers")
    NOT_HAD_FOR_LONG = "not_had_for_long", N_("Who has not had it for two years")


class Standing(Word):
    """How close to the union somebody stands now."""

    ANYONE = "anyone", N_("Not a member")
    APPLICANT = "applicant", N_("Applied to join")
    MEMBER = "member", N_("Member")
    RETAINED = "retained", N_("Membership retained")


class EligibilityRule(db.Model):
    """One version of a programme's rule; append-only but for its approval. The newest approved one holds.

    Ages are whole years on the day it is given, both ends included. ``within_union_id``: only people whose home union lies in
    this part of the tree. ``employers``: plain names, compared without case and spaces. ``interval_months``: so many calendar
    months after the last time the same item was received. ``first_hours``: so many hours after booking opens, only the
    ``priority_groups`` may book.
    """

    __tablename__ = "eligibility_rules"
    __table_args__ = (
        sa.UniqueConstraint("programme_id", "version"),
        sa.CheckConstraint("version >= 1", name="version_counts"),
        sa.CheckConstraint(
            "min_age BETWEEN 0 AND 120 AND max_age BETWEEN 0 AND 120 AND min_age <= max_age", name="ages_plausible"
        ),
        sa.CheckConstraint("interval_months BETWEEN 1 AND 120", name="interval_plausible"),
        sa.CheckConstraint("person_limit >= 1", name="limit_counts"),
        sa.CheckConstraint("(person_limit IS NULL) = (limit_period IS NULL)", name="limit_whole"),
        sa.CheckConstraint("sex IN ('female', 'male')", name="sex_known"),
        sa.CheckConstraint("first_hours BETWEEN 0 AND 720", name="first_hours_plausible"),
        sa.CheckConstraint("first_hours = 0 OR cardinality(priority_groups) > 0", name="first_hours_for_somebody"),
        sa.CheckConstraint("(approved_at IS NULL) = (approved_by_account_id IS NULL)", name="approval_whole"),
        sa.CheckConstraint("approved_by_account_id <> proposed_by_account_id", name="approved_by_another"),
        sa.CheckConstraint("approved_at IS NULL OR rejected_at IS NULL", name="decided_one_way"),
        sa.Index("uq_eligibility_rules_proposal", "programme_id", unique=True,
                 postgresql_where=sa.text("approved_at IS NULL AND rejected_at IS NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    version: Mapped[int]
    audience: Mapped[Audience] = mapped_column(text_enum(Audience), default=Audience.ANYONE)
    occupations: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)  # empty: all
    sex: Mapped[str | None] = mapped_column(sa.String(6))
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    within_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    employers: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)  # empty: all
    interval_months: Mapped[int | None]
    person_limit: Mapped[int | None]
    limit_period: Mapped[LimitPeriod | None] = mapped_column(text_enum(LimitPeriod))
    priority_groups: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)
    first_hours: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None]
    proposed_at: Mapped[datetime]
    proposed_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    approved_at: Mapped[datetime | None]
    approved_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    rejected_at: Mapped[datetime | None]
    rejected_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


@dataclass(frozen=True)
class Receipt:
    """Something received, or held by a booking, on a day."""

    on: date
    item_id: UUID
    programme_id: UUID
    quantity: int = 1
    booking_id: UUID | None = None


@dataclass(frozen=True)
class RuleValues:
    """What a rule asks, as somebody proposes it; the columns of `EligibilityRule` without its approval."""

    audience: Audience = Audience.ANYONE
    occupations: tuple[str, ...] = ()
    sex: str | None = None
    min_age: int | None = None
    max_age: int | None = None
    within_union_id: UUID | None = None
    employers: tuple[str, ...] = ()
    interval_months: int | None = None
    person_limit: int | None = None
    limit_period: LimitPeriod | None = None
    priority_groups: tuple[str, ...] = ()
    first_hours: int = 0
    reason: str | None = None

    @classmethod
    def of(cls, rule: EligibilityRule) -> RuleValues:
        """The values of a stored rule."""
        read = {part.name: getattr(rule, part.name) for part in fields(cls)}
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in read.items()})

    def columns(self) -> dict[str, Any]:
        """As the table keeps them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
