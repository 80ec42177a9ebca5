"""Templates → HTML pages."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from fastapi.responses import HTMLResponse

from digestmail.model import Cadence, CadenceKind, Paper
from digestmail.web.house import WebSettings

#: headers of what is one reader's own
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@cache
def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("digestmail.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "cadence": _cadence,
        "day": _day,
        "language_name": _language_name,
        "host": _host,
        "path": paper_path,
        "plural": _plural,
        "query": _query,
    }
    return env


def page(name: str, settings: WebSettings, status: int = 200, **values: Any) -> HTMLResponse:
    """A page made of ``templates/NAME.html``."""
    return HTMLResponse(render(name, settings, **values), status)


def private_page(name: str, settings: WebSettings, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of one reader: no cache keeps it, no search engine lists it."""
    answer = page(name, settings, status, **values)
    answer.headers.update(PRIVATE)
    return answer


def render(name: str, settings: WebSettings, **values: Any) -> str:
    """The HTML of a page."""
    return _environment().get_template(f"{name}.html").render(site=settings, **values)


def paper_path(paper: Paper) -> str:
    """Where a paper has its page."""
    return f"/paper/{quote(paper.key, safe=':/')}"


def _day(day: date | None) -> str:
    return f"{day:%B} {day.day}, {day.year}" if day else ""


def _cadence(cadence: Cadence) -> str:
    days = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
    match cadence.kind:
        case CadenceKind.WEEKLY:
            return f"On {days[cadence.weekday]}"
        case CadenceKind.WEEKDAYS:
            return "Monday to Friday"
        case CadenceKind.DAILY:
            return "Every day"


def _language_name(code: str) -> str:
    from babel import Locale

    return (Locale.parse(code).get_display_name() or code).capitalize()


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _query(values: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in values.items() if value not in (None, "")})
