"""Reading the texts that settings are written in.

Each function raises InputError with a reason, which may quote the text.
"""

import difflib
import ipaddress
import re
from collections.abc import Iterable
from datetime import time
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from digestmail.errors import AddressError, InputError
from digestmail.mail.links import BOUNCE_LOCAL_PART
from digestmail.model import LETTERS
from digestmail.ranking.profile import parse_keyword
from digestmail.sources.arxiv.categories import ARCHIVES, normal
from digestmail.text.clean import clean_line

_NAMED_ADDRESS = re.compile(r"\s*(?P<name>.*?)\s*<(?P<address>[^<>]*)>\s*", re.DOTALL)
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_HOST = re.compile(r"[A-Za-z0-9_:.\[\]-]+")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_SHORTEST_SECRET = 16
_LAST_PORT = 65535
_DATABASES = ("postgresql", "sqlite")


class Sender(NamedTuple):
    """Who an issue is from. ``name`` is empty when only an address was given."""

    name: str
    address: str

    def __str__(self) -> str:
        """What ``parse_sender`` reads."""
        quoted = self.name.replace("\\", r"\\").replace('"', r"\"")
        return f'"{quoted}" <{self.address}>' if self.name else self.address


class Listening(NamedTuple):
    """Where a server listens. An empty ``host`` is every address of the machine."""

    host: str
    port: int

    def __str__(self) -> str:
        """What ``parse_listen`` reads."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` with the nearest of the known words, or nothing."""
    by_fold = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(word.casefold(), by_fold, n=1)
    return f" (did you mean {by_fold[near[0]]!r}?)" if near else ""


def parse_address(text: str) -> str:
    """The address as SMTP without SMTPUTF8 takes it: domain in lower case and Punycode. Raises AddressError.

    Nothing is looked up in the DNS.
    """
    try:
        valid = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, allow_quoted_local=False)
    except EmailNotValidError as error:
        raise AddressError(f"{text!r} is not an address that mail can be sent to: {error}") from None
    return valid.ascii_email or valid.normalized


def parse_sender(text: str) -> Sender:
    """``Name <address>`` (the name may be in double quotes) or an address."""
    found = _NAMED_ADDRESS.fullmatch(text)
    if not found:
        return Sender("", parse_address(text))
    name = found["name"]
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Sender(clean_line(name), parse_address(found["address"]))


def parse_line(text: str) -> str:
    """One line with something on it, cleaned."""
    line = clean_line(text)
    if not line:
        raise InputError("must not be empty")
    return line


def parse_secret(text: str) -> str:
    """A secret of the newsletter. The reason never quotes it."""
    if len(text.strip()) < _SHORTEST_SECRET:
        raise InputError(f"a secret needs {_SHORTEST_SECRET} characters or more")
    return text.strip()


def parse_bounce_address(text: str) -> str:
    """An address that leaves room for "+" and a token before its "@"."""
    address = parse_address(text)
    local = address.rpartition("@")[0]
    if len(local) > BOUNCE_LOCAL_PART:
        raise AddressError(f"{address}: before the @, {BOUNCE_LOCAL_PART} characters are the most")
    return address


def parse_selector(text: str) -> str:
    """The selector of a DKIM key (RFC 6376 §3.1): labels of a domain name, in lower case."""
    selector = text.strip().lower()
    if not _SELECTOR.fullmatch(selector):
        raise InputError(f"{text!r} is not a selector: letters, digits and -, as in 2026a")
    return selector


def parse_domain(text: str) -> str:
    """A domain as DNS knows it: lower case, in Punycode. Raises InputError."""
    try:
        return parse_address(f"postmaster@{text.strip()}").rpartition("@")[2].lower()
    except AddressError:
        raise InputError(f"{text!r} is not the domain of an address") from None


def parse_domain_or_any(text: str) -> str:
    """The same; ``*`` stands for any."""
    return "*" if text.strip() == "*" else parse_domain(text)


def parse_template(text: str) -> str:
    """The name of a template of issues: letters, digits, - and _. Raises InputError."""
    if not _TEMPLATE.fullmatch(text):
        raise InputError(f"{text!r} is not the name of a template (letters, digits, - and _)")
    if text in LETTERS:
        raise InputError(f"{text!r} makes letters about subscriptions and no issues")
    return text


def parse_category(text: str) -> str:
    """An arXiv category or archive as arXiv writes it: ``cs.LG`` for ``cs.lg``. Raises InputError."""
    found = normal(text)
    if found is None:
        archive = text.strip().partition(".")[0].lower()
        if archive in ARCHIVES:
            raise InputError(f"arXiv has no category {text!r}: write one like cs.LG or hep-th")
        raise InputError(f"arXiv has no archive {archive!r}{did_you_mean(archive, ARCHIVES)}")
    return found


def parse_path(text: str) -> Path:
    """A path; relative ones stay relative."""
    if not text.strip():
        raise InputError("must not be empty")
    if not text.isprintable():
        raise InputError(f"{text!r} is not a path: it holds a character that no file name has")
    return Path(text)


def parse_host(text: str) -> str:
    """A host name or an IP address."""
    if not _HOST.fullmatch(text):
        raise InputError(f"{text!r} is not a host name or an IP address")
    return text


def parse_listen(text: str) -> Listening:
    """``127.0.0.1:8000``, ``[::1]:8000``, ``:8000``. Port 0 is any that is free."""
    host, colon, port = text.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    is_port = port.isascii() and port.isdigit() and int(port) <= _LAST_PORT
    is_host = not bare or (_HOST.fullmatch(bare) and (":" not in bare or host != bare))
    if not (colon and is_port and is_host):
        raise InputError(f"{text!r} is not an address to listen on, such as 127.0.0.1:8000")
    return Listening(bare, int(port))


def parse_network(text: str) -> str:
    """An IP address, or a network such as ``10.0.0.0/8``."""
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InputError(f"{text!r} is not an IP address or a network such as 10.0.0.0/8") from None
    return text.strip()


def parse_base_url(text: str) -> str:
    """An http or https URL, without the slash at its end: links are made by appending ``/path``.

    Only ASCII, because mail headers carry it.
    """
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.isascii() or re.search(r"[\s<>\"\x00-\x1f\x7f]", text):
        raise InputError(f"{text!r} is not a URL like https://papers.example.org")
    if parts.query or parts.fragment or parts.username is not None:
        raise InputError("must be a plain URL, without user, query or fragment")
    return text.rstrip("/")


def parse_web_link(text: str) -> str:
    """An http or https URL, as it stands."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s<>\"\x00-\x1f\x7f]", text):
        raise InputError(f"{text!r} is not a link like https://www.example.org/feed.xml")
    return text


def parse_store_url(text: str) -> str:
    """A SQLAlchemy database URL. It may hold a password: the reason never quotes it."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise InputError("not a database URL like sqlite:///digestmail.db") from None
    if backend not in _DATABASES:
        raise InputError(f"unknown database; known: {', '.join(_DATABASES)}")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise InputError("a database in memory forgets what was sent; name a file, as in sqlite:///digestmail.db")
    return text


def parse_time_of_day(text: str) -> time:
    """``07:30`` on a 24-hour clock."""
    found = _TIME_OF_DAY.fullmatch(text.strip())
    if not found:
        raise InputError(f"{text!r} is not a time of day from 00:00 to 23:59")
    return time(int(found[1]), int(found[2]))


@cache
def _known_timezones() -> set[str]:
    # walks the time zone folders each time it is called (14 ms)
    return available_timezones()


def parse_timezone(text: str) -> str:
    """An IANA time zone's name, of those this machine knows."""
    known = _known_timezones()
    if text in known:
        return text
    # people write "Berlin" or "europe/berlin"
    city = re.sub(r"\s+", "_", text.strip().casefold())
    near = sorted(name for name in known if city and name.casefold().rpartition("/")[2] == city.rpartition("/")[2])
    hint = f" (did you mean {near[0]!r}?)" if near else did_you_mean(text, known)
    raise InputError(f"unknown time zone {text!r}{hint}")


def check_keyword(text: str) -> str:
    """The keyword as written, once it is known to be one."""
    parse_keyword(text)
    return text
