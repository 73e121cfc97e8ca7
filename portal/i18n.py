"""Languages: Chinese by default, English by a switch that stays; how dates, money and vocabulary are said."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, force_locale, get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from portal import clock
from portal.config import PACKAGE
from portal.types import Problem, Text, Word

LOCALES = {"zh_Hans": "中文", "en": "English"}
PARSED = {code: Locale.parse(code) for code in LOCALES}
DEFAULT = "zh_Hans"
COOKIE = "language"
SAID = (Word, Text, Problem)  # what templates may print as it is


def choose() -> str:
    """The language of this request: what the person switched to, otherwise Chinese."""
    wanted = request.cookies.get(COOKIE) if has_request_context() else None
    return wanted if wanted in LOCALES else DEFAULT


def catalogue() -> NullTranslations:
    """The messages of this request's language. Flask-Babel finds them anew for every message, a page has a hundred."""
    locale = get_locale()
    if locale is None:
        return get_translations()  # outside an application: there are none
    known = g.get("catalogue")
    if known is None or known[0] is not locale:  # another one within force_locale
        known = g.catalogue = (locale, get_translations())
    return known[1]


def gettext(message: str) -> str:
    """A message in the reader's language."""
    return catalogue().ugettext(message)


@pass_eval_context
def _in_template(context: EvalContext, message: str, **values: Any) -> str:
    """`_()` as Jinja's newstyle gettext, without the two calls through the context that it makes of each."""
    words = catalogue().ugettext(message)
    return (Markup(words) if context.autoescape else words) % values  # noqa: S704 - the catalogue is ours


def say(thing: Any) -> str:
    """Say a Text, Word, Problem or plain value in the reader's language.

    >>> # say(text(N_("Open until %(time)s"), time=clock.now())) -> 开放至 22:00
    """
    if isinstance(thing, Problem):
        return say(thing.says)
    if isinstance(thing, Text):
        sentence = gettext(thing.message)
        return sentence % {name: say(value) for name, value in thing.values.items()} if thing.values else sentence
    if isinstance(thing, Word):
        return gettext(thing.label)
    if isinstance(thing, datetime):
        return moment(thing)
    if isinstance(thing, date):
        return day(thing)
    if isinstance(thing, Decimal):
        return money(thing)
    if isinstance(thing, bool) or thing is None:
        return "" if thing is None else gettext("Yes") if thing else gettext("No")
    if isinstance(thing, int):
        return number(thing)
    return str(thing)


def _skeleton(pattern: str, value: date | datetime) -> str:
    return format_skeleton(pattern, value, locale=get_locale() or DEFAULT)


def day(value: date | None) -> str:
    """A day; the year only when it is not this one: 11月20日, 2027年8月1日."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = clock.business_day(value)
    return _skeleton("MMMd" if value.year == clock.today().year else "yMMMd", value)


def clock_time(value: datetime) -> str:
    """Hours and minutes in Asia/Shanghai: 14:02."""
    return value.astimezone(clock.SHANGHAI).strftime("%H:%M")


def moment(value: datetime | None) -> str:
    """A moment: today only its time, otherwise day and time."""
    if value is None:
        return ""
    if clock.business_day(value) == clock.today():
        return clock_time(value)
    return f"{day(value)} {clock_time(value)}"


def money(value: Decimal | None) -> str:
    """¥1,234.00 — thousands and two decimals."""
    return "" if value is None else format_currency(value, "CNY", "¥#,##0.00", locale=get_locale() or DEFAULT)


def number(value: int | Decimal | None) -> str:
    """1,234"""
    return "" if value is None else format_decimal(value, locale=get_locale() or DEFAULT)


def in_language(locale: str, thing: Any) -> str:
    """Say something in a given language, for messages that leave the house."""
    with force_locale(locale):
        return say(thing)


def prepare(app: Flask) -> None:
    """Wire Flask-Babel, the filters and the switch's context to an application."""
    app.config.update(
        BABEL_DEFAULT_LOCALE=DEFAULT,
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        BABEL_TRANSLATION_DIRECTORIES=str(PACKAGE / "translations"),
    )
    Babel(app, locale_selector=lambda: PARSED[choose()])
    Word.spoken = staticmethod(say)
    app.jinja_env.filters.update(say=say, day=day, clock_time=clock_time, moment=moment, money=money, number=number)
    app.jinja_env.install_gettext_callables(
        gettext, lambda one, many, count: catalogue().ungettext(one, many, count), newstyle=True
    )
    app.jinja_env.globals["_"] = _in_template
    # Vocabulary members are drawn in the reader's language wherever a template prints them.
    app.jinja_env.finalize = lambda value: say(value) if isinstance(value, SAID) else value
    app.jinja_env.policies["ext.i18n.trimmed"] = True

    @app.context_processor
    def language() -> dict[str, Any]:
        locale = choose()
        return {
            "locale": locale,
            "locale_tag": locale.replace("_", "-"),
            "other_locales": [(code, name) for code, name in LOCALES.items() if code != locale],
        }
