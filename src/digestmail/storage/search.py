"""Full-text search over the corpus: SQLite's FTS5, or PostgreSQL's text search."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from digestmail.model import Paper
from digestmail.storage import tables
from digestmail.storage.database import Database, rows_by_id
from digestmail.storage.intake import paper_of

_MOST_WORDS = 16  # of a query; more are a way to keep the server busy
_WORD = re.compile(r"\w+")

# external content: the index holds words only, the texts stay in the table of papers
_SQLITE = (
    """CREATE VIRTUAL TABLE paper_text USING fts5 (
        title, abstract, authors, content = 'paper', content_rowid = 'id',
        tokenize = 'porter unicode61 remove_diacritics 2'
    )""",
    """CREATE TRIGGER paper_text_insert AFTER INSERT ON paper BEGIN
        INSERT INTO paper_text (rowid, title, abstract, authors)
        VALUES (new.id, new.title, new.abstract, new.authors);
    END""",
    """CREATE TRIGGER paper_text_delete AFTER DELETE ON paper BEGIN
        INSERT INTO paper_text (paper_text, rowid, title, abstract, authors)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors);
    END""",
    """CREATE TRIGGER paper_text_update AFTER UPDATE OF title, abstract, authors ON paper
    WHEN old.title <> new.title OR old.abstract <> new.abstract OR old.authors <> new.authors BEGIN
        INSERT INTO paper_text (paper_text, rowid, title, abstract, authors)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors);
        INSERT INTO paper_text (rowid, title, abstract, authors)
        VALUES (new.id, new.title, new.abstract, new.authors);
    END""",
    "INSERT INTO paper_text (paper_text) VALUES ('rebuild')",
)
_POSTGRESQL = (
    """ALTER TABLE paper ADD COLUMN text tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', abstract), 'B')
        || setweight(to_tsvector('simple', authors::text), 'C')
    ) STORED""",
    "CREATE INDEX ix_paper_text ON paper USING gin (text)",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what a search found, best first."""

    papers: tuple[Paper, ...]
    #: how many there are in all
    total: int


def create_search(connection: Connection) -> None:
    """Make the index and fill it; from then on the database keeps it in step."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)


class Search:
    """Papers by the words they hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, query: str, *, limit: int, offset: int = 0) -> Found:
        """The papers that hold all words of a query, the title counting most; its last word may be a beginning.

        Signs mean nothing: what is typed is never a program.
        """
        words = _WORD.findall(query)[:_MOST_WORDS]
        if not words:
            return Found((), 0)
        return self._found(" AND ".join(_quoted(word) for word in words) + "*", " & ".join(words) + ":*", limit, offset)

    def similar(self, words: Sequence[str], *, limit: int) -> tuple[Paper, ...]:
        """The papers that hold most of some words, best first."""
        told = [word for phrase in words for word in _WORD.findall(phrase)][:_MOST_WORDS]
        if not told:
            return ()
        return self._found(" OR ".join(map(_quoted, told)), " | ".join(told), limit, 0).papers

    def _found(self, fts5: str, tsquery: str, limit: int, offset: int) -> Found:
        with self._database.read() as connection:
            sqlite = connection.dialect.name == "sqlite"
            asked = {"query": fts5 if sqlite else tsquery, "limit": limit, "offset": offset}
            numbers = list(connection.execute(text(_FIND_SQLITE if sqlite else _FIND_POSTGRESQL), asked).scalars())
            counted = text(_COUNT_SQLITE if sqlite else _COUNT_POSTGRESQL)
            total = connection.execute(counted, {"query": asked["query"]}).scalar_one()
            rows = {row["id"]: paper_of(row) for row in rows_by_id(connection, tables.paper, numbers)}
        return Found(tuple(rows[number] for number in numbers), total)


_FIND_SQLITE = (
    "SELECT rowid FROM paper_text WHERE paper_text MATCH :query "
    "ORDER BY bm25(paper_text, 8.0, 2.0, 4.0), rowid DESC LIMIT :limit OFFSET :offset"
)
_COUNT_SQLITE = "SELECT count(*) FROM paper_text WHERE paper_text MATCH :query"
_FIND_POSTGRESQL = (
    "SELECT id FROM paper, to_tsquery('english', :query) query WHERE text @@ query "
    "ORDER BY ts_rank_cd(text, query) DESC, id DESC LIMIT :limit OFFSET :offset"
)
_COUNT_POSTGRESQL = "SELECT count(*) FROM paper WHERE text @@ to_tsquery('english', :query)"


def _quoted(word: str) -> str:
    return f'"{word}"'
