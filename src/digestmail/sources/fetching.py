"""One polite HTTP client for all sources: it says who asks, waits when told to, and never reads without bounds."""

import re
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

import digestmail
from digestmail.errors import SourceFormatError, SourceUnavailable
from digestmail.sources.reading import MAX_BYTES
from digestmail.text.clean import clean_line

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds between two pieces of an answer
# Seconds for one try, looked at after each piece of the body: a server that drips never trips the read timeout.
DEADLINE = 60.0
TRIES = 3
REDIRECTS = 3
LONGEST_WAIT = 60.0  # seconds; who asks for more is asked again by the next run
_FIRST_PAUSE = 2.0  # seconds; doubles with every try

_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_ERRNO = re.compile(r"^\[[^\]]*\] ?")
_GZIP_WBITS = 31  # zlib: largest window, gzip header and checksum


class _TryAgainError(Exception):
    """This try failed in a way that the next one may not. ``wait``: seconds the server asked for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class PoliteClient:
    """HTTP GET for sources. Not to be shared between threads.

    ``contact`` is an address or a page where whoever runs the server finds whoever asks. ``sleep`` and ``clock``
    (monotonic seconds) are arguments so that tests need not wait.
    """

    def __init__(
        self,
        contact: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        reachable = clean_line(contact).encode("ascii", "ignore").decode()
        self._client = httpx.Client(
            # Only gzip: it is the one coding that `_decoded` can stop in the middle.
            headers={"User-Agent": f"digestmail/{digestmail.__version__} (+{reachable})", "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
            follow_redirects=False,
        )
        self._sleep = sleep
        self._clock = clock

    def get(self, url: str, *, params: Mapping[str, str | int] | None = None, source: str) -> bytes:
        """The decoded body of the answer, at most MAX_BYTES. ``source`` begins every error message.

        Three tries on 408, 425, 429, 5xx and broken connections, 2 s and 4 s apart or as Retry-After says (RFC 9110
        §10.2.3). At most three redirects, never from https to http. Raises SourceUnavailable when no answer came,
        SourceFormatError for any other 4xx and for a body that is too large or cannot be decoded.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(TRIES),
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            target = httpx.URL(url)
            return retrying(self._try, target.copy_merge_params(params) if params else target, source)
        except _TryAgainError as error:
            raise SourceUnavailable(source, error.why) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise SourceUnavailable(source, f"cannot ask {clean_line(url)}: {clean_line(str(error))}") from error

    def close(self) -> None:
        """Give back the connections. Calling it twice does nothing."""
        self._client.close()

    def _try(self, url: httpx.URL, source: str) -> bytes:
        deadline = self._clock() + DEADLINE
        try:
            for _ in range(REDIRECTS + 1):
                with self._client.stream("GET", url) as response:
                    if response.next_request is None:
                        _refuse_errors(response, source)
                        return self._body(response, deadline, source)
                    url = _redirected(url, response.next_request.url, source)
        except httpx.UnsupportedProtocol:
            raise
        except httpx.TransportError as error:
            raise _TryAgainError(f"cannot reach {_shown(url)}: {_reason(error)}") from error
        raise SourceUnavailable(source, f"redirected more than {REDIRECTS} times, last to {_shown(url)}")

    def _body(self, response: httpx.Response, deadline: float, source: str) -> bytes:
        unpack = _unpacker(response, source)
        body = bytearray()
        for piece in response.iter_raw():
            body += unpack(piece, MAX_BYTES + 1 - len(body))
            if len(body) > MAX_BYTES:
                raise SourceFormatError(source, f"more than {MAX_BYTES // 1_000_000} MB from {_shown(response.url)}")
            if self._clock() > deadline:
                raise SourceUnavailable(source, f"still sending after {DEADLINE:.0f} s: {_shown(response.url)}")
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
        raise SourceUnavailable(source, f"{line}: asked to wait {wait:.0f} s")
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
    return target


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


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(userinfo=b""))


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:.0f} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {READ_TIMEOUT:.0f} s"
    return _ERRNO.sub("", clean_line(str(error))) or "the connection broke"
