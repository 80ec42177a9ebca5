"""One polite HTTP client for all sources: it says who asks, waits when told to, and never reads without bounds."""

import asyncio
import ipaddress
import math
import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

import digestmail
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.model import Validators
from digestmail.sources.reading import MAX_BYTES
from digestmail.text.clean import clean_line, shorten

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds between two pieces of an answer
DEADLINE = 60.0  # seconds for one answer as a whole
TRIES = 3
REDIRECTS = 3
LONGEST_WAIT = 60.0  # seconds; who asks for more is asked again by the next run
LONGEST_REST = timedelta(hours=1)  # whatever a server asks for, it is asked again after that
#: arXiv's terms of use: at most one request every three seconds, over API, RSS and OAI together
INTERVALS = {"arxiv.org": 3.0}
_FIRST_PAUSE = 2.0  # seconds; doubles with every try
_KEY = "api_key"  # the parameter that holds a secret
_LONGEST_SHOWN = 160  # characters of an address in a message

Params = Mapping[str, str | int]
_NONE_KNOWN: Mapping[str, Validators] = MappingProxyType({})

_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_ERRNO = re.compile(r"^\[[^\]]*\] ?")
_GZIP_WBITS = 31  # zlib: largest window, gzip header and checksum


class _TryAgainError(Exception):
    """This try failed in a way that the next one may not. ``wait``: seconds the server asked for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class _SpentError(Exception):
    """The budget does not allow for what would come next."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``body`` is decoded, and None when the address has not changed (304)."""

    body: bytes | None
    #: to be asked with next time
    validators: Validators


class PoliteClient:
    """HTTP for sources. Not to be shared between threads, nor used inside an event loop.

    ``contact`` is an address or a page where whoever runs the server finds whoever asks. ``intervals`` are the least
    seconds between the end of one request and the next to the hosts of a domain, all together. ``deadline`` (seconds)
    is for one answer as a whole, from looking up the name to the last byte: a server that drips never trips a time-out
    for single reads. ``budget`` (seconds) is for all answers together with the pauses between them, for what must not
    hold up anything else. ``sleep``, ``clock`` (monotonic seconds) and ``transport`` are arguments so that tests need
    not wait.
    """

    def __init__(
        self,
        contact: str,
        *,
        intervals: Mapping[str, float] = INTERVALS,
        deadline: float = DEADLINE,
        budget: float = math.inf,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        reachable = clean_line(contact).encode("ascii", "ignore").decode()
        # Only gzip: it is the one coding that `_unpacker` can stop in the middle.
        self._headers = {
            "User-Agent": f"digestmail/{digestmail.__version__} (+{reachable})",
            "Accept-Encoding": "gzip",
        }
        self._transport = transport
        self._runner: asyncio.Runner | None = None
        self._client: httpx.AsyncClient | None = None
        self._intervals = intervals
        self._deadline = deadline
        self._left = budget
        self._sleep = sleep
        self._clock = clock
        self._ended: dict[str, float] = {}

    def get(self, url: str, *, params: Params | None = None, source: str) -> bytes:
        """The decoded body of the answer, at most MAX_BYTES; else as ``ask``."""
        return self.ask(url, params=params, source=source).body or b""

    def ask(
        self,
        url: str,
        *,
        params: Params | None = None,
        source: str,
        known: Mapping[str, Validators] = _NONE_KNOWN,
        headers: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Reply:
        """GET, or POST of ``json``. ``source`` begins every error message.

        ``known`` are validators by address: an answer that has not changed since is not sent again (RFC 9110 §13.1).
        Three tries on 408, 425, 429, 5xx and broken connections, 2 s and 4 s apart or as Retry-After says (RFC 9110
        §10.2.3). At most three redirects, never from https to http and never to a private address of another host.
        Raises SourceUnavailable when no answer came or the budget is spent, with ``retry_after`` when the server asked
        for a longer pause than a minute; SourceFormatError for any other 4xx and for a body that is too large or cannot
        be decoded. The parameter ``api_key`` is in no message and no address.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(TRIES),
            wait=_pause,
            sleep=self._rest,
            reraise=True,
        )
        try:
            target = httpx.URL(url)
            target = target.copy_merge_params(params) if params else target
            address = _address(target)
            validators = known.get(address) or Validators(address)
            request = _Request(target, validators, dict(headers or {}), json, source)
            return retrying(self._try, request)
        except _TryAgainError as error:
            raise SourceUnavailable(source, error.why) from error
        except _SpentError as error:
            raise SourceUnavailable(source, f"no time is left for {_shown(httpx.URL(url))}") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise SourceUnavailable(source, f"cannot ask {clean_line(url)}: {clean_line(str(error))}") from error

    def _rest(self, seconds: float) -> None:
        if seconds >= self._left:
            raise _SpentError
        self._left -= seconds
        self._sleep(seconds)

    def close(self) -> None:
        """Give back the connections. Calling it twice does nothing."""
        if self._runner and self._client:
            self._runner.run(self._client.aclose())
            self._runner.close()
        self._runner = self._client = None

    def _try(self, request: "_Request") -> Reply:
        if self._runner is None:
            self._runner = asyncio.Runner()
        if self._left <= 0:
            raise _SpentError
        limit = min(self._deadline, self._left)
        try:
            return self._runner.run(self._within_deadline(request))
        except TimeoutError as error:
            shown = _shown(request.url)
            raise SourceUnavailable(request.source, f"no whole answer within {limit:.0f} s: {shown}") from error
        except httpx.UnsupportedProtocol:
            raise
        except httpx.TransportError as error:
            raise _TryAgainError(f"cannot reach {_shown(request.url)}: {_reason(error)}") from error

    async def _within_deadline(self, request: "_Request") -> Reply:
        if self._client is None:
            self._client = httpx.AsyncClient(
                headers=self._headers,
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
                follow_redirects=False,
                transport=self._transport,
            )
        url = request.url
        for _ in range(REDIRECTS + 1):
            self._wait_for_turn(url.host)
            began = self._clock()
            try:
                async with asyncio.timeout(min(self._deadline, self._left)):
                    reply = await self._once(self._client, url, request)
            finally:
                self._ended[self._domain(url.host)] = ended = self._clock()
                self._left -= ended - began
            if isinstance(reply, Reply):
                return reply
            url = _redirected(url, reply, request.source)
        raise SourceUnavailable(request.source, f"redirected more than {REDIRECTS} times, last to {_shown(url)}")

    def _wait_for_turn(self, host: str) -> None:
        domain = self._domain(host)
        if domain in self._ended and (wait := self._ended[domain] + self._intervals.get(domain, 0) - self._clock()) > 0:
            self._rest(wait)

    def _domain(self, host: str) -> str:
        """What a host is counted under."""
        return next((domain for domain in self._intervals if host == domain or host.endswith(f".{domain}")), host)

    async def _once(self, client: httpx.AsyncClient, url: httpx.URL, request: "_Request") -> Reply | httpx.URL:
        method = "GET" if request.json is None else "POST"
        # keys are for the host that they were given for
        own = request.headers if url.host == request.url.host else {}
        headers = own | _conditions(request.validators)
        async with client.stream(method, url, headers=headers, json=request.json) as response:
            if response.status_code == HTTPStatus.NOT_MODIFIED and request.validators:
                return Reply(None, request.validators)
            if response.next_request is not None:
                return response.next_request.url
            _refuse_errors(response, request.source)
            validators = Validators(
                request.validators.address,
                clean_line(response.headers.get("ETag", "")),
                clean_line(response.headers.get("Last-Modified", "")),
            )
            return Reply(await _body(response, request.source), validators)


@dataclass(frozen=True, slots=True)
class _Request:
    url: httpx.URL
    validators: Validators
    headers: dict[str, str]
    json: object
    source: str


def _conditions(validators: Validators) -> dict[str, str]:
    """Both, where both are known: a server that understands If-None-Match ignores the other (RFC 9110 §13.1.3)."""
    told = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in told.items() if value}


async def _body(response: httpx.Response, source: str) -> bytes:
    unpack = _unpacker(response, source)
    body = bytearray()
    async for piece in response.aiter_raw():
        body += unpack(piece, MAX_BYTES + 1 - len(body))
        if len(body) > MAX_BYTES:
            raise SourceFormatError(source, f"more than {MAX_BYTES // 1_000_000} MB from {_shown(response.url)}")
    return bytes(body)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _TryAgainError) else None
    return _FIRST_PAUSE * 2 ** (state.attempt_number - 1) if asked is None else asked


def _refuse_errors(response: httpx.Response, source: str) -> None:
    if response.is_success:
        return
    line = f"{response.status_code} {response.reason_phrase}".rstrip() + f" from {_shown(response.url)}"
    if response.status_code not in _AGAIN and not response.is_server_error:
        raise SourceFormatError(source, line)
    wait = _retry_after(response)
    if wait is not None and wait > LONGEST_WAIT:
        rest = min(timedelta(seconds=min(wait, 1e9)), LONGEST_REST)
        raise SourceUnavailable(source, f"{line}: asked to wait {wait:.0f} s", retry_after=rest)
    raise _TryAgainError(line, wait)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait. A date is read against the answer's own Date header, so that no two clocks need agree."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until, sent = (parsedate_to_datetime(text) for text in (value, response.headers.get("Date", "")))
        return max(0.0, (until - sent).total_seconds())
    except (ValueError, TypeError, OverflowError):  # not dates, or one without a zone
        return None


def _redirected(origin: httpx.URL, target: httpx.URL, source: str) -> httpx.URL:
    allowed = ("https",) if origin.scheme == "https" else ("http", "https")
    if target.scheme not in allowed:
        raise SourceUnavailable(source, f"{_shown(origin)} redirects to {_shown(target)}: refused, not secure")
    if target.host != origin.host and _is_private(target.host):
        raise SourceUnavailable(source, f"{_shown(origin)} redirects to {_shown(target)}: refused, a private address")
    return target


def _is_private(host: str) -> bool:
    """Whether a host has an address that only we can reach: a server must not send us to look at our own network."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # nobody is there to be asked
    return any(not ipaddress.ip_address(str(address).partition("%")[0]).is_global for address in found)


def _unpacker(response: httpx.Response, source: str) -> Callable[[bytes, int], bytes]:
    """A function (piece, at most so many bytes) → decoded bytes.

    httpx decodes whole pieces, and one piece of a gzip bomb is 67 MB (measured): zlib itself stops where it is told to.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return lambda piece, limit: piece[:limit]
    if coding not in ("gzip", "x-gzip"):
        raise SourceFormatError(source, f"content coding {coding!r} was not asked for: {_shown(response.url)}")
    decompressor = zlib.decompressobj(_GZIP_WBITS)

    def unpack(piece: bytes, limit: int) -> bytes:
        try:
            return decompressor.decompress(piece, limit)
        except zlib.error as error:
            raise SourceFormatError(source, f"damaged gzip from {_shown(response.url)}") from error

    return unpack


def _address(url: httpx.URL) -> str:
    """The URL without what nobody else may see."""
    public = url.copy_with(userinfo=b"")
    return str(public.copy_remove_param(_KEY) if _KEY in public.params else public)


def _shown(url: httpx.URL) -> str:
    return shorten(_address(url), _LONGEST_SHOWN)


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:.0f} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {READ_TIMEOUT:.0f} s"
    # errors of TLS and of look-ups are OSErrors, too, with numbers of their own
    known = (cause for cause in _causes(error) if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError))
    told = next((os.strerror(cause.errno) for cause in known if cause.errno and cause.errno > 0), "")
    return told or _ERRNO.sub("", clean_line(str(error))) or "the connection broke"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, innermost first: the outer ones say less."""
    if error is None:
        return
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for cause in (error.__cause__ or error.__context__, *inner):
        yield from _causes(cause)
    yield error
