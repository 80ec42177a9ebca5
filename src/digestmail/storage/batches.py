"""Many rows in one statement: they travel as one JSON array, which the database takes apart.

``executemany`` runs a statement once a row, and each row costs the driver more than the database.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Dialect, FromClause, Text, bindparam, cast, column, func, select
from sqlalchemy.sql.type_api import TypeEngine

from digestmail.storage.tables import UtcDateTime

_ROWS = "rows"


def batch(dialect: str, **types: TypeEngine[Any]) -> FromClause:
    """Rows with these columns, for a statement that is run with what ``rows_of`` makes of them."""
    if dialect == "postgresql":
        columns = [column(name, kind) for name, kind in types.items()]
        told = func.json_to_recordset(cast(bindparam(_ROWS, type_=Text), JSON))
        return told.table_valued(*columns, name="batch").render_derived(with_types=True)
    each = func.json_each(bindparam(_ROWS, type_=Text)).table_valued("value")
    named: list[ColumnElement[Any]] = [
        func.json_extract(each.c.value, f"$.{name}", type_=kind).label(name) for name, kind in types.items()
    ]
    return select(*named).subquery("batch")


def rows_of(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The parameters of a statement over a ``batch``."""
    return {_ROWS: json.dumps(list(rows), default=_time(connection.dialect))}


@cache
def _time(dialect: Dialect) -> Any:
    """Writes times as the database keeps them: on SQLite they are text, which is compared as text."""
    write = UtcDateTime().bind_processor(dialect)
    return lambda value: str(write(value) if write else value)
