"""Corpus, subscribers, deliveries, ledger and the record of fetches."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Build the first tables."""
    _corpus()
    _deliveries()
    op.create_table(
        "fetch",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False, index=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("announced", sa.Integer, nullable=False),
        sa.Column("new", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )


def _corpus() -> None:
    op.create_table(
        "paper",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("author_count", sa.Integer),
        sa.Column("organization", sa.Text),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("doi", sa.Text),
        sa.Column("published", sa.Date),
        sa.Column("listed", sa.Date),
        sa.Column("upvotes", sa.Integer),
        sa.Column("comments", sa.Integer),
        sa.Column("url", sa.Text),
        sa.Column("code_url", sa.Text),
        sa.Column("project_url", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sample", sa.Boolean, nullable=False),
        sa.Column("first_seen", UtcDateTime, nullable=False, index=True),
    )
    op.create_table(
        "paper_identity",
        sa.Column("identity", sa.Text, primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), nullable=False, index=True),
    )


def _deliveries() -> None:
    op.create_table(
        "subscriber",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uid", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False, unique=True),
        sa.Column("keywords", sa.JSON, nullable=False),
        sa.Column("cadence", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("max_papers", sa.Integer),
        sa.Column("status", sa.Text, nullable=False, index=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), nullable=False),
        sa.Column("slot", sa.Date, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("planned_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("next_at", UtcDateTime),
        sa.Column("settled_at", UtcDateTime),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("subscriber_id", "slot", name="uq_delivery_slot"),
        sa.Index("ix_delivery_status", "status", "next_at"),
    )
    op.create_table(
        "ledger",
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), primary_key=True),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), nullable=False, index=True),
    )
