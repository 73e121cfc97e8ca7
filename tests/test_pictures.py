"""Photographs are drawn anew: nothing of the file that was sent remains, and what is no photo is refused in words."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from portal import pictures
from portal.access import VISITOR
from portal.types import Refused


def photo(size=(2000, 1500), *, kind="JPEG", exif: Image.Exif | None = None) -> bytes:
    """A photograph as a phone sends it."""
    out = io.BytesIO()
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    picture.save(out, kind, **({"exif": exif} if exif else {}))
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_becomes_two_small_jpegs(kind):
    large, small, size = pictures.prepare(photo(kind=kind))
    assert size == opened(large).size == (1600, 1200)
    assert opened(small).size == (320, 240)
    assert opened(large).format == opened(small).format == "JPEG"


def test_what_the_camera_wrote_is_gone_and_the_photo_stands_upright():
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8825)[2] = (34.0, 45.0, 0.0)
    large, small, size = pictures.prepare(photo(exif=exif))
    assert size == (1200, 1600)
    for content in (large, small):
        assert b"Secret Camera" not in content
        assert not opened(content).getexif()


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that claims side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_picture"),
        (b"GIF89a" + b"\0" * 100, "no_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no_picture"),
        (photo()[:200], "no_picture"),
        (bomb(30_000), "no_picture"),
        (b"\xff\xd8\xff" + b"\0" * pictures.MAX_BYTES, "picture_too_large"),
    ],
)
def test_what_is_no_photo_is_refused_in_words(content, code):
    with pytest.raises(Refused) as refused:
        pictures.prepare(content)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_it_is_kept_by_whom(db):
    row = pictures.keep(io.BytesIO(photo((640, 480))), by=VISITOR)
    db.session.expire(row)
    assert (row.width, row.height, row.by_kind) == (640, 480, "visitor")
    assert opened(row.large).size == (640, 480)
