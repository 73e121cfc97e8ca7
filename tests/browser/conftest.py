"""A real Chromium in front of a real server: for what only a browser can see.

Chromium is found on the machine (`chromium`, or PORTAL_CHROMIUM). Where it is missing the tests are skipped with the
reason, unless PORTAL_BROWSER_REQUIRED is set, as CI does: then its absence is a failure.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator

import pytest
from flask import g
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.serving import make_server

from portal import sessions
from portal.db import db

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
PATIENCE = 20_000  # milliseconds until something that should appear counts as missing; a busy machine is slow
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Again for a browser that stumbled on a busy machine. It shows as R in the run; what is broken fails each time."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.flaky(reruns=2))


def chromium() -> str | None:
    """Where Chromium is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("PORTAL_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    path = chromium()
    if not path:
        message = "no Chromium found: install Debian's package chromium, or set PORTAL_CHROMIUM to its path"
        if os.environ.get("PORTAL_BROWSER_REQUIRED"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def server(app) -> Iterator[str]:
    """The portal on a loopback port, on this test's database; answers its address."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join(30)


class Watched:
    """A page that remembers what went wrong in it: CSP refusals, script errors, server errors."""

    def __init__(self, page: Page) -> None:
        self.wrong: list[str] = []
        page.on("console", lambda message: message.type == "error" and self.wrong.append(message.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("response", lambda answer: answer.status >= 500 and self.wrong.append(f"{answer.status} {answer.url}"))


def open_context(browser: Browser, server: str, **options) -> BrowserContext:
    """A fresh profile in Chinese."""
    context = browser.new_context(base_url=server, locale="zh-CN", timezone_id="Asia/Shanghai", **options)
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request, browser, server) -> Iterator[Page]:
    """A page at desktop and at phone width; the test fails if anything went wrong inside it."""
    context = open_context(browser, server, viewport=request.param)
    opened = context.new_page()
    watched = Watched(opened)
    opened.expected_errors = []
    yield opened
    wrong = [text for text in watched.wrong if not any(part in text for part in opened.expected_errors)]
    context.close()
    assert wrong == []


@pytest.fixture
def plain_page(browser, server) -> Iterator[Page]:
    """A phone-width page without JavaScript."""
    context = open_context(browser, server, viewport=PHONE, java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page: Page, app, server: str, account, *, kind: str = "staff") -> None:
    """Give the page's browser a session of a staff account or a worker, as a sign-in would."""
    with app.test_request_context():
        sessions.open_session(kind, account.id)
        token = g.pop("session_cookie")
        db.session.commit()
    page.context.add_cookies([{"name": "session", "value": token, "url": server}])
