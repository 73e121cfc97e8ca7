"""Photographs that people send: checked, made small, stripped of what the camera wrote into them, and kept.

A photograph is drawn anew before it is stored, so nothing of the file that was sent remains: no place, no device, no
script behind the picture. It stands in the database beside what it belongs to; who may see it is decided by the room
that owns it, which answers with `web.send_picture`.
"""

from __future__ import annotations

import io
import warnings
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock
from portal.access import By
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 60_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
LARGE, SMALL = 1600, 320  # longest side in pixels
QUALITY = 80


class Picture(db.Model):
    """One photograph as JPEG in two sizes. The row that shows it refers to it; without one it is removed after a day."""

    __tablename__ = "pictures"
    __table_args__ = (sa.CheckConstraint("width > 0 AND height > 0", name="size_positive"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    width: Mapped[int]
    height: Mapped[int]
    at: Mapped[datetime]
    by_kind: Mapped[str]
    by_id: Mapped[UUID | None]
    large: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    small: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)


def keep(stream: BinaryIO, *, by: By, field: str = "photo") -> Picture:
    """Store a photograph that was sent; flushes. Raises `Refused` with a problem for ``field`` if it is none."""
    large, small, (width, height) = prepare(stream.read(MAX_BYTES + 1), field=field)
    row = Picture(width=width, height=height, at=clock.now(), by_kind=by.kind, by_id=by.id, large=large, small=small)
    db.session.add(row)
    db.session.flush()
    return row


def prepare(content: bytes, *, field: str = "photo") -> tuple[bytes, bytes, tuple[int, int]]:
    """The photograph drawn anew, large and small as JPEG, and the size of the large one in pixels."""
    if len(content) > MAX_BYTES:
        raise _refused("picture_too_large", N_("The photo is larger than 10 MB. Take it again with a smaller size."), field)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError("too many pixels")
            picture.draft("RGB", (LARGE, LARGE))  # a JPEG is decoded at a fraction of its size
            picture = ImageOps.exif_transpose(picture).convert("RGB")
    # whatever a broken or hostile file makes the library raise, the answer is the same
    except (
        OSError,
        ValueError,
        SyntaxError,
        MemoryError,
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        raise _refused(
            "no_picture", N_("This file is no photo that can be read. Send a JPEG, PNG or WebP picture."), field
        ) from None
    picture.thumbnail((LARGE, LARGE))
    small = picture.copy()
    small.thumbnail((SMALL, SMALL))
    return _jpeg(picture), _jpeg(small), picture.size


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    clean = Image.new("RGB", picture.size)  # a copy of the pixels alone: no EXIF, no comment, no colour profile
    clean.paste(picture)
    clean.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def _refused(code: str, says: str, field: str) -> Refused:
    return Refused([Problem(code, text(says), field=field)])
