"""Accounts of staff, and their appointments: role × union × from–until."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.access import Role
from portal.db import db
from portal.types import Encrypted, new_id, text_enum


class Account(db.Model):
    """Somebody on a union's staff. Until the invitation is used there is no password."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.CheckConstraint("sign_in_name = lower(sign_in_name)", name="sign_in_name_lower"),
        sa.CheckConstraint("(invitation_digest IS NULL) = (invited_until IS NULL)", name="invitation_whole"),
        sa.CheckConstraint("(pin_hash IS NULL) = (pin_set_at IS NULL)", name="pin_whole"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sign_in_name: Mapped[str] = mapped_column(sa.String(60), unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    totp_cipher: Mapped[bytes | None]
    totp_last_step: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    invitation_digest: Mapped[bytes | None] = mapped_column(unique=True)
    invited_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    pin_hash: Mapped[str | None]
    pin_set_at: Mapped[datetime | None]

    totp = Encrypted("totp")


def _incompatible(first: Role, second: Role) -> ExcludeConstraint:
    """No account holds both roles on the same day; the days of withdrawn appointments do not count."""
    return ExcludeConstraint(
        (sa.column("account_id"), "="),
        (sa.column("role"), "<>"),
        (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
        where=sa.text(f"role IN ('{first}', '{second}') AND ended_at IS NULL"),
        using="gist",
        name=f"ex_appointments_{first}_not_{second}",
    )


class Appointment(db.Model):
    """A role held at a union for a time; it reaches the union's whole subtree.

    ``ends_on`` is the last day; ``ended_at`` is set when the role was withdrawn, and counts from that moment.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_after_start"),
        sa.CheckConstraint("ended_at IS NULL OR ends_on IS NOT NULL", name="ended_has_last_day"),
        sa.Index("ix_appointments_account_id", "account_id"),
        sa.Index("ix_appointments_union_id", "union_id"),
        sa.Index(
            "uq_appointments_open",
            "account_id",
            "role",
            "union_id",
            unique=True,
            postgresql_where=sa.text("ends_on IS NULL"),
        ),
        _incompatible(Role.ADMINISTRATOR, Role.AUDITOR),
        _incompatible(Role.FINANCE, Role.APPROVER),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    role: Mapped[Role] = mapped_column(text_enum(Role))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
