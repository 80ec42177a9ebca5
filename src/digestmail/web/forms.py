"""What forms send: names and values, within limits."""

import re
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

_MOST_FIELDS = 100
#: bytes of a one-click request; mail providers send forty to three hundred
_MOST_ONE_CLICK = 1024
_URLENCODED = "application/x-www-form-urlencoded"
# RFC 8058 §3.2 wants multipart/form-data understood as well (RFC 7578); of its parts only this one matters
_ONE_CLICK_PART = re.compile(
    rb'content-disposition:[ \t]*form-data;[ \t]*name="?list-unsubscribe"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n'
    rb"one-click[ \t]*\r?\n--",
    re.IGNORECASE,
)


async def _form(request: Request) -> dict[str, str]:
    """Each field with its last value. Raises HTTPException for a body that is no form."""
    kind = request.headers.get("content-type", _URLENCODED).partition(";")[0].strip().lower()
    if kind != _URLENCODED:
        raise HTTPException(415, "Only forms are understood here.")
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(422, "The form has too many fields.") from None
    return dict(pairs)


async def _one_click(request: Request) -> bool:
    """Whether a request asks to be taken off a list with one click (RFC 8058)."""
    body = await request.body()
    if len(body) > _MOST_ONE_CLICK:
        raise HTTPException(413, "The request is too large.")
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return _ONE_CLICK_PART.search(body) is not None
    return ("list-unsubscribe", "one-click") in {
        (name.strip().lower(), value.strip().lower())
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    }


Form = Annotated[dict[str, str], Depends(_form)]
OneClick = Annotated[bool, Depends(_one_click)]
