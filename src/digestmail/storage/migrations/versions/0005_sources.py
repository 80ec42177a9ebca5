"""Works may share a title; facts, changes and states of sources that the corpus did not keep."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add them. Nothing that is there changes."""
    for name, kind in {
        "version": sa.Integer,
        "venue": sa.Text,
        "citations": sa.Integer,
        "open_access_url": sa.Text,
    }.items():
        op.add_column("paper", sa.Column(name, kind))
    op.add_column("paper", sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.false()))
    _share_identities()
    op.create_table(
        "change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), nullable=False, index=True),
        sa.Column("at", UtcDateTime, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False, server_default=""),
        sa.Column("after", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "followup",
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), primary_key=True),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), primary_key=True),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), nullable=False, index=True),
    )
    op.add_column("fetch", sa.Column("revised", sa.Integer, nullable=False, server_default="0"))
    op.add_column("fetch", sa.Column("quiet", sa.Text))
    op.add_column("fetch", sa.Column("gaps", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("fetch", sa.Column("covered", sa.Date))
    op.add_column("fetch", sa.Column("retry_at", UtcDateTime))
    op.create_table(
        "validator",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("last_modified", sa.Text, nullable=False),
    )


def _share_identities() -> None:
    # the key of a table cannot be changed on SQLite
    op.create_table(
        "paper_identity_new",
        sa.Column("identity", sa.Text, primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), primary_key=True),
    )
    op.execute("INSERT INTO paper_identity_new (identity, paper_id) SELECT identity, paper_id FROM paper_identity")
    op.drop_table("paper_identity")
    op.rename_table("paper_identity_new", "paper_identity")
    op.create_index("ix_paper_identity_paper_id", "paper_identity", ["paper_id"])
