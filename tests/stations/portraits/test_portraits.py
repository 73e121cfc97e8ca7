"""Photographs of the place, stars with their history, and who changed what."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from PIL import Image

from portal import audit, clock
from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.db import db
from portal.pictures import Picture
from portal.stations.portraits import commands, rules
from portal.stations.register.models import StarRating, StationPhoto, StationStatus
from portal.stations.register.queries import list_photos
from tests.factories.stations import make_station


def body(response) -> str:
    return response.get_data(as_text=True)


def jpeg(colour: str = "green") -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, "JPEG", comment=b"secret place")
    out.seek(0)
    return out


# --- photographs -------------------------------------------------------------------------------------


def test_photos_are_added_ordered_and_taken_away(english, client, tree, keeper, app):
    station = make_station(union=tree.county)
    address = f"/staff/stations/{station.code}/photos"
    assert "No photos yet" in body(english.get(address))
    for caption in ("门口", "饮水机"):
        answer = english.send(address, {"photo": (jpeg(), "a.jpg"), "caption": caption}, content_type="multipart/form-data")
        assert answer.status_code == 303
    first, second = list_photos(station)
    assert (first.caption, second.caption) == ("门口", "饮水机")
    ident = first.id
    english.send(f"{address}/first", {"photo_id": str(second.id)})
    assert [one.caption for one in list_photos(station)] == ["饮水机", "门口"]
    english.send(f"{address}/caption", {"photo_id": str(ident), "caption": "南门"})
    assert "南门" in body(english.get(address))

    stranger = app.test_client()
    shown = stranger.get(f"/stations/{station.code}/photos/{ident}")
    assert (shown.status_code, shown.mimetype, shown.headers["Cache-Control"]) == (200, "image/jpeg", "public, max-age=86400")
    assert b"secret place" not in shown.data
    small = stranger.get(f"/stations/{station.code}/photos/{ident}?size=small")
    assert Image.open(io.BytesIO(small.data)).size == (320, 240)

    english.send(f"{address}/remove", {"photo_id": str(ident)})
    assert stranger.get(f"/stations/{station.code}/photos/{ident}").status_code == 404
    assert (StationPhoto.query.count(), Picture.query.count()) == (1, 1)
    assert "not there any more" in body(english.get(english.send(f"{address}/remove", {"photo_id": str(ident)}).location))
    actions = [one.action for one in AuditEntry.query.filter(AuditEntry.action.like("station.photo%")).order_by(AuditEntry.id)]
    assert actions == ["station.photo_added"] * 2 + ["station.photo_changed"] * 2 + ["station.photo_removed"]


def test_what_is_no_photo_is_refused_and_the_caption_stays(english, tree, keeper):
    station = make_station(union=tree.county)
    address = f"/staff/stations/{station.code}/photos"
    for fields, sentence in (
        ({"photo": (io.BytesIO(b"no picture"), "a.jpg"), "caption": "门口的照片"}, "is no photo that can be read"),
        ({"caption": "门口的照片"}, "Choose a photo first."),
    ):
        answer = english.send(address, fields, content_type="multipart/form-data")
        assert answer.status_code == 422
        assert sentence in body(answer) and "门口的照片" in body(answer)
    assert Picture.query.count() == 0


def test_photos_are_not_without_end(english, tree, keeper, monkeypatch):
    monkeypatch.setattr(commands, "MOST_PHOTOS", 1)
    station = make_station(union=tree.county)
    address = f"/staff/stations/{station.code}/photos"
    sent = [
        english.send(address, {"photo": (jpeg(), "a.jpg"), "caption": ""}, content_type="multipart/form-data").status_code
        for _ in range(2)
    ]
    assert sent == [303, 422]


def test_a_photo_belongs_to_its_station(english, tree, keeper):
    own, other = make_station(union=tree.county), make_station(union=tree.foreign_county)
    photo = commands.add_photo(station=other, stream=jpeg(), caption=None, by=SYSTEM)
    db.session.commit()
    assert english.get(f"/stations/{own.code}/photos/{photo.id}").status_code == 404
    english.send(f"/staff/stations/{own.code}/photos/remove", {"photo_id": str(photo.id)})
    english.send(f"/staff/stations/{own.code}/photos/remove", {"photo_id": "x"})
    assert StationPhoto.query.count() == 1
    other.status = StationStatus.PLANNED
    db.session.commit()
    assert english.get(f"/stations/{other.code}/photos/{photo.id}").status_code == 404


# --- stars -------------------------------------------------------------------------------------------


def give(english, station, stars, day, basis="市总工会评定"):
    return english.send(f"/staff/stations/{station.code}/stars", {"stars": stars, "rated_on": day.isoformat(), "basis": basis})


def test_stars_are_given_and_taken_with_their_history(english, tree, keeper):
    station, today = make_station(union=tree.county), clock.today()
    address = f"/staff/stations/{station.code}/stars"
    assert "No stars so far" in body(english.get(address))
    assert give(english, station, "4", today - timedelta(days=10)).status_code == 303
    give(english, station, "5", today - timedelta(days=20), "补录")
    assert station.stars == 4  # what was decided last counts, not what was written down last
    give(english, station, "", today, "复核降级")
    assert station.stars is None
    assert [row.stars for row in StarRating.query.order_by(StarRating.id)] == [4, 5, None]
    page = body(english.get(address))
    assert "★★★★★" in page and "复核降级" in page and keeper.name in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rated_on": "2999-01-01"}, "has not come yet"),
        ({"rated_on": ""}, "Not a valid date"),
        ({"basis": ""}, "Please fill this in."),
        ({"stars": "6"}, "Not a valid choice"),
    ],
)
def test_stars_without_basis_or_before_their_day_are_refused(english, tree, keeper, fields, sentence):
    station = make_station(union=tree.county)
    typed = {"stars": "3", "rated_on": clock.today().isoformat(), "basis": "现场检查"} | fields
    answer = english.send(f"/staff/stations/{station.code}/stars", typed)
    assert answer.status_code == 422
    assert sentence in body(answer) or (fields == {"rated_on": ""} and "has not come yet" in body(answer))
    assert StarRating.query.count() == 0


# --- history -----------------------------------------------------------------------------------------


def test_the_history_says_who_changed_what_from_what_to_what(english, tree, keeper):
    station = make_station(union=tree.county, name="老名字")
    address = f"/staff/stations/{station.code}"
    assert "Nothing has changed yet" in body(english.get(f"{address}/history"))
    english.send(f"{address}/hours", {"hours": "24小时", "self_entry_hours": "", "entry_method": "", "holiday_rule": "workdays"})
    english.send(f"{address}/facilities", {"facilities": ["shower"], "shower_price": "3"})
    english.send(f"{address}/status", {"status": "suspended"})
    page = body(english.get(f"{address}/history"))
    for words in ("As on other days", "Closed on public holidays, open on make-up workdays", "Showers", "Suspended", keeper.name):
        assert words in page, words
    part = english.get(f"{address}/history", headers={"HX-Request": "true", "HX-Target": "changes"})
    assert body(part).lstrip().startswith('<div id="changes"')


def test_the_history_is_read_page_by_page(english, tree, keeper):
    station = make_station(union=tree.county)
    for number in range(55):
        audit.record(
            "station.changed", by=SYSTEM, subject=station, union_id=tree.county.id, changes={"name": [f"第{number}", "后"]}
        )
    db.session.commit()
    page = body(english.get(f"/staff/stations/{station.code}/history"))
    assert "第54" in page and "第3<" not in page and "after=" in page


def test_changes_in_words():
    details = {
        "changes": {"union_id": ["a", "b"], "facilities": [["shower"], ["castle"]], "phones": [[], ["…6000"]]},
        "note": None,
    }
    assert [(str(label), values) for label, values in rules.changes_in_words(details)] == [
        ("Union", ("a", "b")),
        ("Telephones", ("–", ["…6000"])),  # as the form asks, not as the entry happens to hold them
        ("Facilities", (["shower"], ["castle"])),
    ]
