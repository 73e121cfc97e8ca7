"""How many seconds and touches does one person at the counter take? In a real Chromium, with a scanner's typing.

python -m benchmarks.desk_seconds [--people 20]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.house import House, open_house
from benchmarks.servers import Server, serving
from portal import create_app
from portal.access import SYSTEM
from portal.config import Settings
from portal.db import db
from portal.members.workers import commands as workers
from portal.members.workers.models import Worker
from portal.stations.register.models import Station
from portal.vocabulary import BasicService

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIGN_MS = 4  # a keyboard-wedge scanner sends a sign every few milliseconds


@dataclass
class Measured:
    """Seconds of each person, from the first sign or tap to the field being ready for the next, and what was done."""

    label: str
    touches: str
    seconds: list[float] = field(default_factory=list)

    def line(self) -> str:
        worst = max(self.seconds)
        return f"{self.label:44}{self.touches:24}{statistics.median(self.seconds):9.3f}{worst:9.3f}{len(self.seconds):8}"


def prepare(house: House, people: int) -> list[str]:
    """Printed cards for some, and water as the default service of the first station."""
    app = create_app(Settings(instance=house.instance, database_url=house.url), database_url=house.url)
    with app.app_context():
        known = list(db.session.scalars(sa.select(Worker).order_by(Worker.id).limit(2 * people)))
        codes = [workers.issue_printed_card(worker=worker, by=SYSTEM).code for worker in known]
        station = db.session.scalars(sa.select(Station).where(Station.code == house.stations[0])).one()
        station.services = [BasicService.DRINKING_WATER.value, BasicService.REST.value, BasicService.HOT_MEAL.value]
        station.default_service = BasicService.DRINKING_WATER
        db.session.commit()
        db.engine.dispose()
    app.extensions["portal.autocommit"].dispose()
    return codes


def ready(page: Page) -> None:
    """The field is empty and has the focus: the next person may come."""
    field = page.locator("#who")
    expect(field).to_be_focused()
    expect(field).to_have_value("")


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def scan(page: Page, code: str) -> None:
    page.keyboard.type(code, delay=SIGN_MS)
    page.keyboard.press("Enter")


def scan_and_tap(page: Page, code: str) -> None:
    scan(page, code)
    page.locator("#give-rest button:not(.done)").click()
    page.locator("#give-rest .done").wait_for()
    ready(page)


def only_scan(page: Page, code: str) -> None:
    before = page.locator("#undo form").get_attribute("id") if page.locator("#undo form").count() else ""
    scan(page, code)
    page.locator(f"#undo form:not([id='{before}'])").wait_for()
    ready(page)


def tally(page: Page) -> None:
    before = page.locator("#undo form").get_attribute("id") if page.locator("#undo form").count() else ""
    page.locator("#tally-courier button").click()
    page.locator(f"#undo form:not([id='{before}'])").wait_for()
    ready(page)


@contextmanager
def opened(house: House, server: Server) -> Iterator[Page]:
    """The desk in a browser of its own, signed in."""
    address = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN").new_page()
        page.context.add_cookies([{"name": "session", "value": house.session_cookie, "url": address}])
        page.goto(f"{address}/desk/{house.stations[0]}")
        expect(page.locator("#who")).to_be_focused()
        yield page
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    people = parser.parse_args().people
    asked = Measured("known worker, card", "1 scan + 1 tap")
    given = Measured("known worker, card, default service", "1 scan")
    nobody = Measured("anonymous", "1 tap")
    with open_house(visits=500) as house:
        codes = prepare(house, people)
        with serving("portal", house.environment, workers=1, threads=4) as server, opened(house, server) as page:
            page.select_option("#gives", "ask")
            asked.seconds = [timed(lambda code=code: scan_and_tap(page, code)) for code in codes[:people]]
            page.select_option("#gives", "drinking_water")
            given.seconds = [timed(lambda code=code: only_scan(page, code)) for code in codes[people:]]
            for _ in range(people):
                page.wait_for_timeout(800)  # a second tap on the same button within 0.7 s counts as a double tap
                nobody.seconds.append(timed(lambda: tally(page)))
    print(f"{'':44}{'':24}{'median s':>9}{'worst s':>9}{'people':>8}")
    for one in (asked, given, nobody):
        print(one.line())


if __name__ == "__main__":
    main()
