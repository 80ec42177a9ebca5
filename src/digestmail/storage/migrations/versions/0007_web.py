"""What the web pages need: days, full-text search, saved papers, limits, and readers who pause or are erased."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.search import create_search
from digestmail.storage.tables import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add them, and index the papers that are there."""
    op.add_column("paper", sa.Column("day", sa.Date))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("UPDATE paper SET day = COALESCE(listed, SUBSTR(first_seen, 1, 10))")
    else:
        op.execute("UPDATE paper SET day = COALESCE(listed, (first_seen AT TIME ZONE 'UTC')::date)")
    op.create_index("ix_paper_day", "paper", ["day"])
    create_search(op.get_bind())
    op.add_column("subscriber", sa.Column("token_version", sa.Integer, nullable=False, server_default="0"))
    op.add_column("subscriber", sa.Column("paused_until", sa.Date))
    op.add_column("subscriber", sa.Column("paused_at", UtcDateTime))
    op.create_table(
        "saved",
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "limited",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Index("ix_limited", "scope", "digest", "at"),
    )
