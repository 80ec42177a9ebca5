"""Deliveries know their owner, template and past; papers as they were planned; what is known of addresses."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them. What was planned before has no template or snapshots of its own and is rendered as it was until now."""
    op.create_table(
        "template",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("parts", sa.JSON, nullable=False),
    )
    op.create_table(
        "paper_snapshot",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    _widen_delivery()
    _move_plans()
    _add_logs()


def _widen_delivery() -> None:
    # written out: Alembic would build the table anew on SQLite, which the rows that refer to it forbid
    op.execute("ALTER TABLE delivery ADD COLUMN template TEXT REFERENCES template (hash)")
    op.add_column("delivery", sa.Column("generation", sa.Integer, nullable=False, server_default="0"))
    op.add_column("delivery", sa.Column("message_id", sa.Text))
    op.add_column("delivery", sa.Column("committed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("delivery", sa.Column("digest", sa.Text))
    op.add_column("delivery", sa.Column("owner", sa.Text))
    op.add_column("delivery", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))
    op.add_column("delivery", sa.Column("ambiguous", sa.Integer, nullable=False, server_default="0"))
    op.add_column("delivery", sa.Column("code", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_delivery_message_id", "delivery", ["message_id"], unique=True)
    op.create_index("ix_delivery_lease_until", "delivery", ["lease_until"])
    op.create_index("ix_delivery_next_at", "delivery", ["next_at"])
    op.drop_index("ix_delivery_status", "delivery")
    op.create_index("ix_delivery_status", "delivery", ["status", "slot"])
    # from now on a delivery says from when on it is due if and only if it waits
    op.execute("UPDATE delivery SET next_at = planned_at WHERE status = 'planned'")
    op.execute("UPDATE delivery SET next_at = NULL WHERE status NOT IN ('planned', 'deferred')")


def _move_plans() -> None:
    op.create_table(
        "plan",
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.execute("INSERT INTO plan (delivery_id, content) SELECT id, plan FROM delivery")
    op.drop_column("delivery", "plan")


def _add_logs() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), nullable=False, index=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False, server_default=""),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "address_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), index=True),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id")),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False, server_default=""),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, unique=True),
    )
