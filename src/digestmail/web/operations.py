"""For machines that watch: is it up, is it in order, and the numbers."""

import hmac
import ipaddress
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from digestmail import __version__
from digestmail.errors import StoreError
from digestmail.newsletter import Newsletter
from digestmail.newsletter.measures import Measures, measure, probe
from digestmail.newsletter.status import overdue
from digestmail.web.house import House

if TYPE_CHECKING:
    from digestmail.web.access import Traffic

router = APIRouter(include_in_schema=False)

_JUDGED_SECONDS = 15.0  # a judgement walks over all readers
_PASSED_ON = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


@router.api_route("/healthz", methods=["GET", "HEAD"])
def healthz(request: Request) -> JSONResponse:
    """200 when the process serves and the store answers."""
    house: House = request.app.state.house
    try:
        with house.newsletter() as newsletter:
            probe(newsletter)
    except StoreError:
        return _told(503, status="failing", store="does not answer")
    return _told(200, status="ok", version=__version__)


@router.api_route("/readyz", methods=["GET", "HEAD"])
def readyz(request: Request) -> JSONResponse:
    """200 when, besides, no issue is overdue, as ``digestmail status --check`` judges."""
    try:
        late = request.app.state.readiness.late(request.app.state.house)
    except StoreError:
        return _told(503, status="failing", store="does not answer")
    return _told(503, status="overdue") if late else _told(200, status="ok")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format. What is in the store is counted when it is asked for."""
    house: House = request.app.state.house
    if not (house.settings.public_metrics or _is_local(request) or _has_token(request, house.settings.admin_token)):
        return _told(403, status="only from this machine, or with the admin token")
    traffic: Traffic = request.app.state.traffic
    registry = CollectorRegistry()
    with house.newsletter() as newsletter:
        registry.register(_Stored(measure(newsletter)))
    return Response(generate_latest(registry) + generate_latest(traffic.registry), media_type=CONTENT_TYPE_LATEST)


class Readiness:
    """Whether issues are overdue, judged once in a while: probes come every few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._late = False

    def late(self, house: House) -> bool:
        """Raises StoreError. While somebody judges, others are told the last judgement: probes must not pile up."""
        if time.monotonic() >= self._until and self._lock.acquire(blocking=False):
            try:
                with house.newsletter() as newsletter:
                    self._late = _is_late(newsletter)
                self._until = time.monotonic() + _JUDGED_SECONDS
            finally:
                self._lock.release()
        return self._late


def _is_late(newsletter: Newsletter) -> bool:
    return any(overdue(newsletter, newsletter.clock()))


class _Stored(Collector):
    def __init__(self, found: Measures) -> None:
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self._found
        yield GaugeMetricFamily("digestmail_papers", "Papers in the corpus.", value=found.papers)
        for name, counts in (("subscribers", found.subscribers), ("deliveries", found.deliveries)):
            family = GaugeMetricFamily(f"digestmail_{name}", f"{name.title()} in each status.", labels=["status"])
            for status, number in counts.items():
                family.add_metric([str(status)], number)
            yield family
        family = GaugeMetricFamily(
            "digestmail_source_success_timestamp_seconds", "When a source last answered.", labels=["source"]
        )
        for source, at in found.succeeded.items():
            family.add_metric([source], at.timestamp() if at else 0)
        yield family
        if found.last_run:
            yield GaugeMetricFamily(
                "digestmail_last_run_timestamp_seconds",
                "When sources were last asked.",
                value=found.last_run.timestamp(),
            )


def _is_local(request: Request) -> bool:
    """From this machine, and not passed on by a proxy: behind one, everybody comes from it."""
    if any(name in request.headers for name in _PASSED_ON):
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _has_token(request: Request, token: str | None) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return token is not None and hmac.compare_digest(given.encode(), token.encode())


def _told(code: int, **facts: object) -> JSONResponse:
    return JSONResponse(facts, code, headers={"Cache-Control": "no-store"})
