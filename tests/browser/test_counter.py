"""The counter by keyboard, by scanner and by camera: the focus is back in the field after every action."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import segno
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.vocabulary import BasicService
from tests.browser.conftest import ARGUMENTS, DESKTOP, Watched, chromium, open_context, sign_in
from tests.browser.test_pages import faults
from tests.factories.joining import agree_to_contact
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser
PHONE = "13800138000"
SERVICES = ("rest", "drinking_water", "laundry", "first_aid")


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    station = make_station(union=tree.county, name="花园路驿站", services=[BasicService(name) for name in SERVICES],
                           default_service=BasicService.DRINKING_WATER)  # fmt: skip
    worker = make_worker(name="李自强", phone=PHONE)
    agree_to_contact(worker)
    card = workers.issue_printed_card(worker=worker, by=SYSTEM).code
    db.session.commit()
    return SimpleNamespace(operator=operator, code=station.code, address=f"/desk/{station.code}", card=card)


def lines(db, where="true") -> int:
    db.session.rollback()
    return db.session.scalar(sa.text(f"SELECT count(*) FROM visit_lines l JOIN visits v ON v.id = l.visit_id WHERE {where}"))


@pytest.fixture
def desk(page, app, server, world):
    sign_in(page, app, server, world.operator)
    page.goto(world.address)
    return page


def ready(page) -> None:
    """The field has the focus and is empty: the next scan may come."""
    expect(page.locator("#who")).to_be_focused()
    expect(page.locator("#who")).to_have_value("")


def scan(page, text: str) -> None:
    ready(page)
    page.keyboard.type(text, delay=2)
    page.keyboard.press("Enter")


def test_one_scan_gives_the_default_service(desk, db, world):
    scan(desk, world.card)
    expect(desk.locator("#give-drinking_water .done")).to_be_visible()
    expect(desk.locator("#undo button")).to_be_visible()
    ready(desk)
    desk.locator("#undo button").click()
    expect(desk.locator("#give-drinking_water .done")).to_have_count(0)
    ready(desk)
    scan(desk, world.card)  # the key was changed with the answer, so this is no retry of the first scan
    expect(desk.locator("#give-drinking_water .done")).to_be_visible()
    assert lines(db) == 2 and db.session.scalar(sa.text("SELECT count(*) FROM visit_reversals")) == 1


def test_asking_first_stays_for_this_tab(desk, db, world):
    desk.select_option("#gives", "ask")
    ready(desk)
    scan(desk, world.card)
    expect(desk.locator("#person")).to_be_visible()
    ready(desk)
    desk.reload()
    expect(desk.locator("#gives")).to_have_value("ask")
    scan(desk, world.card)
    expect(desk.locator("#person")).to_be_visible()
    assert lines(db) == 0
    beside = desk.context.new_page()
    beside.goto(world.address)
    expect(beside.locator("#gives")).to_have_value("drinking_water")


def test_keyboard_only(desk, db, world):
    ready(desk)
    letter = desk.locator("#tally-courier .hint").inner_text().lower()
    desk.keyboard.press(letter)
    expect(desk.locator("#undo")).to_contain_text("快递员")
    ready(desk)
    scan(desk, PHONE)
    expect(desk.locator("#person")).to_be_visible()
    ready(desk)
    desk.keyboard.press(desk.locator("#give-laundry .hint").inner_text().lower())
    expect(desk.locator("#give-laundry .done")).to_be_visible()
    ready(desk)
    desk.keyboard.press("Control+z")
    expect(desk.locator("#give-laundry .done")).to_have_count(0)
    expect(desk.locator("#undo button")).to_have_count(0)
    ready(desk)
    desk.keyboard.press("Escape")
    expect(desk.locator("#person")).to_have_count(0)
    ready(desk)
    desk.keyboard.press("z")
    expect(desk.locator("#undo button")).to_have_count(0)
    ready(desk)
    assert lines(db) == 2 and db.session.scalar(sa.text("SELECT count(*) FROM visit_reversals")) == 2
    desk.keyboard.press("?")
    expect(desk.locator("#keys")).to_have_attribute("open", "")
    ready(desk)


def test_letters_are_letters_while_something_is_typed(desk, db):
    ready(desk)
    desk.keyboard.type("as", delay=20)
    desk.wait_for_timeout(500)  # longer than the quiet after which a letter alone is a key
    expect(desk.locator("#who")).to_have_value("as")
    desk.keyboard.type("d")
    desk.wait_for_timeout(500)
    expect(desk.locator("#who")).to_have_value("asd")
    desk.keyboard.press("Escape")
    expect(desk.locator("#who")).to_have_value("")
    assert lines(db) == 0


def test_keys_can_be_switched_off(desk, db):
    desk.keyboard.press("?")
    desk.locator("#use-keys").uncheck()
    expect(desk.locator(".hint")).to_have_count(0)
    ready(desk)
    desk.keyboard.press("a")
    desk.wait_for_timeout(500)
    expect(desk.locator("#who")).to_have_value("a")
    assert lines(db) == 0


def test_a_scanner_types_into_the_field_wherever_the_focus_is(desk, db, world):
    desk.locator("#tally-courier button").focus()
    desk.keyboard.type(world.card, delay=2)
    desk.keyboard.press("Enter")
    expect(desk.locator("#give-drinking_water .done")).to_be_visible()
    assert lines(db) == lines(db, "v.worker_id IS NOT NULL") == 1


def test_the_focus_is_back_after_each_action(desk, db, world):
    scan(desk, "13911112222")
    expect(desk.locator("#newcomer")).to_be_visible()
    ready(desk)
    desk.locator("h1").click()
    ready(desk)
    desk.goto("/privacy")
    desk.go_back()
    ready(desk)
    desk.expected_errors = ["500", "Response Status Error Code 500", "htmx:"]
    desk.route("**/visits", lambda route: route.fulfill(status=500, body=""))
    desk.locator("#tally-courier button").click()
    expect(desk.locator("#notice .said")).to_be_visible()
    ready(desk)
    desk.locator("#notice button").click()
    ready(desk)


def test_enter_in_the_name_of_a_newcomer_creates_nobody(desk, db):
    scan(desk, "13911112222")
    desk.locator("#newcomer-name").fill("王小明")
    desk.keyboard.press("Enter")
    desk.wait_for_timeout(300)
    assert db.session.scalar(sa.text("SELECT count(*) FROM workers")) == 1


def test_the_pages_of_the_counter_are_accessible(desk, world):
    scan(desk, PHONE)
    expect(desk.locator("#person")).to_be_visible()
    assert faults(desk) == []
    desk.locator("#give-rest button").click()
    expect(desk.locator("#invitation")).to_be_visible()
    assert faults(desk) == []
    for address in ("/health?occupation=truck_driver", "/health?occupation=courier", "/today", "/end-of-day"):
        desk.goto(world.address + address)
        assert faults(desk) == [], address


# --- the camera -----------------------------------------------------------------------------------------------------


def film_of(text: str, path) -> str:
    """A film of one picture, a QR code on white, as Chromium's fake camera plays it (Y4M, 4:2:0)."""
    width, height, scale = 640, 480, 12
    rows = [list(row) for row in segno.make(text, error="m").matrix_iter(scale=scale, border=4)]
    left, top = (width - len(rows[0])) // 2, (height - len(rows)) // 2
    luma = bytearray(b"\xeb" * (width * height))
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                luma[(top + y) * width + left + x] = 16
    frame = b"FRAME\n" + bytes(luma) + b"\x80" * (width * height // 2)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)
    return str(path)


@pytest.fixture
def with_camera(request, browser, app, server, world, tmp_path):
    """A desk in a Chromium of its own whose camera looks at the worker's code; the parameter says which arguments."""
    film = film_of(world.card, tmp_path / "code.y4m")
    arguments = [*ARGUMENTS, *(one.format(film=film) for one in request.param)]
    another = browser.browser_type.launch(executable_path=chromium(), args=arguments)
    page = open_context(another, server, viewport=DESKTOP).new_page()
    watched = Watched(page)
    sign_in(page, app, server, world.operator)
    page.goto(world.address)
    yield page
    another.close()
    assert watched.wrong == []


FAKE = ("--use-fake-device-for-media-stream", "--use-file-for-fake-video-capture={film}")


@pytest.mark.parametrize("with_camera", [(*FAKE, "--use-fake-ui-for-media-stream")], indirect=True)
def test_the_camera_reads_a_code_and_stops(with_camera, db):
    page = with_camera
    assert page.evaluate("typeof window.jsQR") == "undefined"  # loaded only when the button is pressed
    page.locator("#camera").click()
    expect(page.locator("#give-drinking_water .done")).to_be_visible(timeout=15000)
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "true")
    track = page.evaluate_handle("document.querySelector('#camera-view').srcObject.getTracks()[0]")
    page.locator("#camera").click()
    expect(page.locator("#camera-view")).to_be_hidden()
    assert track.evaluate("one => one.readyState") == "ended"
    expect(page.locator("#who")).to_be_focused()
    assert lines(db) == 1


@pytest.mark.parametrize("with_camera", [(*FAKE, "--deny-permission-prompts"), ()], indirect=True, ids=["refused", "none"])
def test_without_a_camera_words_say_what_to_do(with_camera, db):
    page = with_camera
    page.locator("#camera").click()
    expect(page.locator("#notice .said")).to_be_visible()
    expect(page.locator("#camera-view")).to_be_hidden()
    expect(page.locator("#who")).to_be_focused()
    assert lines(db) == 0
