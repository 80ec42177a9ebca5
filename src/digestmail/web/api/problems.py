"""Errors as RFC 9457 problem details."""

import http
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from digestmail.errors import (
    DigestmailError,
    InputError,
    NotFoundError,
    StoreError,
    TransportError,
    TransportUnavailable,
)
from digestmail.web.attempts import Denied

MEDIA_TYPE = "application/problem+json"
_METHODS = ("GET", "POST", "PUT", "DELETE")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Its place, as in `body.keywords.0`.")
    why: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


class ConflictError(InputError):
    """What is asked for does not go with what is there."""


#: most particular first
_STATUS: tuple[tuple[type[DigestmailError], int], ...] = (
    (ConflictError, 409),
    (NotFoundError, 404),
    (InputError, 422),
    (StoreError, 503),
    (TransportUnavailable, 503),
    (TransportError, 502),
    (DigestmailError, 500),
)


def add_handlers(app: FastAPI) -> None:
    """Have every error of an application told as a problem."""
    app.add_exception_handler(DigestmailError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Denied, _denied)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation may answer besides what it is for, for the OpenAPI document."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
        for status in (400, 401, 408, 413, 414, 429, 503, *statuses)
    }


def _ours(_request: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    return problem(status, str(error))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(where=".".join(map(str, one["loc"])), why=str(one["msg"]).removeprefix("Value error, "))
        for one in error.errors()
    ]
    return problem(422, "the request is not what this operation takes", faults=faults)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem(error.status_code, str(error.detail), headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes to where a request went: the framework names those of the first one only."""
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _denied(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Denied)
    if error.wait:
        return problem(429, "too many wrong tokens", headers={"Retry-After": str(error.wait)})
    return problem(401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})


def problem(
    status: int, detail: str, *, faults: list[Fault] | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem (RFC 9457)."""
    told = Problem(title=http.HTTPStatus(status).phrase, status=status, detail=detail, errors=faults or [])
    return JSONResponse(told.model_dump(), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
