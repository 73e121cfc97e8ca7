"""Invitations after a service, and applications to join with their states in one table."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.members.workers.rules import normal_id_number, normal_phone
from portal.types import N_, Encrypted, Word, new_id, text_enum
from portal.vocabulary import IdType, Industry, Occupation


class InvitationOutcome(Word):
    """What became of an invitation."""

    OFFERED = "offered", N_("Invited")
    OPENED = "opened", N_("Opened the invitation")
    APPLIED = "applied", N_("Applied")
    NOT_NOW = "not_now", N_("Not this time")
    NEVER = "never", N_("Never again")


class JoinChannel(Word):
    """By which way somebody came to apply."""

    VISIT = "visit", N_("After a visit")
    PUBLIC = "public", N_("On their own")
    STATION_QR = "station_qr", N_("Station QR code")
    SERVICE_DESK = "service_desk", N_("Service desk")


class ApplicationStatus(Word):
    """Where an application stands."""

    UNCONFIRMED = "unconfirmed", N_("Waiting for the worker's confirmation")
    SUBMITTED = "submitted", N_("Waiting for the union")
    RETURNED = "returned", N_("Returned for correction")
    APPROVED = "approved", N_("Approved")
    REJECTED = "rejected", N_("Not approved")
    WITHDRAWN = "withdrawn", N_("Withdrawn by the worker")


A = ApplicationStatus
# What may follow what; the picture in docs/states.md is drawn from this table.
TRANSITIONS: dict[ApplicationStatus, frozenset[ApplicationStatus]] = {
    A.UNCONFIRMED: frozenset({A.SUBMITTED, A.WITHDRAWN}),
    A.SUBMITTED: frozenset({A.APPROVED, A.REJECTED, A.RETURNED, A.WITHDRAWN}),
    A.RETURNED: frozenset({A.SUBMITTED, A.WITHDRAWN}),
    A.APPROVED: frozenset(),
    A.REJECTED: frozenset(),
    A.WITHDRAWN: frozenset(),
}
OPEN_STATUSES = (A.UNCONFIRMED, A.SUBMITTED, A.RETURNED)


class Invitation(db.Model):
    """An invitation after a service: who invited, at which visit, and what became of it."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.Index("ix_invitations_worker_id", "worker_id", "created_at"),
        sa.Index("ix_invitations_union_id", "union_id", "id"),
        sa.CheckConstraint("(visit_id IS NULL) = (visit_at IS NULL)", name="visit_whole"),
        sa.CheckConstraint("expires_at > created_at", name="expires_after_creation"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    visit_id: Mapped[UUID | None]
    visit_at: Mapped[datetime | None]
    invited_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    outcome: Mapped[InvitationOutcome] = mapped_column(text_enum(InvitationOutcome), default=InvitationOutcome.OFFERED)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]


class Application(db.Model):
    """An application to join: what the worker wrote, and what the union decided.

    ``union_id`` will be the home union (county federation); whoever decides stands above it.
    """

    __tablename__ = "applications"
    __table_args__ = (
        sa.Index("ix_applications_union_id", "union_id", "id"),
        sa.Index("ix_applications_status", "status", "submitted_at", "id"),
        sa.Index("ix_applications_created_at", "created_at", "id"),
        sa.Index("ix_applications_worker_id", "worker_id", "created_at"),
        sa.Index("ix_applications_phone_index", "phone_index"),
        sa.Index("ix_applications_id_number_index", "id_number_index"),
        sa.Index(
            "uq_applications_open", "worker_id", unique=True,
            postgresql_where=sa.text("status IN ('unconfirmed', 'submitted', 'returned')"),
        ),
        sa.CheckConstraint("(id_number_cipher IS NULL) = (id_number_index IS NULL)", name="id_indexed"),
        sa.CheckConstraint("(visit_id IS NULL) = (visit_at IS NULL)", name="visit_whole"),
        sa.CheckConstraint(
            "status IN ('unconfirmed', 'withdrawn') OR confirmed_at IS NOT NULL", name="confirmed_by_worker"
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'rejected') OR (decided_at IS NOT NULL AND decided_by IS NOT NULL)",
            name="decided_whole",
        ),
        sa.CheckConstraint("status NOT IN ('rejected', 'returned') OR opinion IS NOT NULL", name="refusal_has_reason"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    invitation_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("invitations.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    visit_id: Mapped[UUID | None]
    visit_at: Mapped[datetime | None]
    channel: Mapped[JoinChannel] = mapped_column(text_enum(JoinChannel))
    status: Mapped[ApplicationStatus] = mapped_column(text_enum(ApplicationStatus))
    name: Mapped[str]
    id_type: Mapped[IdType] = mapped_column(text_enum(IdType))
    id_number_cipher: Mapped[bytes | None]
    id_number_index: Mapped[bytes | None]
    phone_cipher: Mapped[bytes]
    phone_index: Mapped[bytes]
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    industry: Mapped[Industry] = mapped_column(text_enum(Industry))
    employer_name: Mapped[str | None]
    work_county_code: Mapped[str] = mapped_column(sa.ForeignKey("divisions.code"))
    is_migrant_worker: Mapped[bool] = mapped_column(default=False)
    notice_version: Mapped[str]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    opinion: Mapped[str | None]

    id_number = Encrypted("id_number", index=normal_id_number)
    phone = Encrypted("phone", index=normal_phone)
