"""Letters about subscriptions: deliveries have a kind, and who asks to be on the list waits in a table of their own."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0008"
down_revision = "0007"

_KIND = sa.Column("kind", sa.Text, nullable=False, server_default="issue")


def upgrade() -> None:
    """Add them. A slot may now have an issue and a letter of each kind."""
    op.create_index("ix_address_event_delivery_id", "address_event", ["delivery_id"])
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.add_column("delivery", _KIND)
        op.drop_constraint("uq_delivery_slot", "delivery")
        op.create_unique_constraint("uq_delivery_slot", "delivery", ["subscriber_id", "slot", "kind"])
    letters = sa.text("kind <> 'issue'")
    op.create_index("ix_delivery_letter", "delivery", ["next_at"], sqlite_where=letters, postgresql_where=letters)
    op.create_table(
        "signup",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False, index=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("wishes", sa.JSON, nullable=False),
        sa.Column("delivery_id", sa.Integer, sa.ForeignKey("delivery.id"), index=True),
    )


def _rebuild() -> None:
    """SQLite cannot change a constraint: the table is made anew, and the rows that refer to it are asked at the end."""
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM delivery")
    op.drop_table("delivery")
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), nullable=False),
        sa.Column("slot", sa.Date, nullable=False),
        _KIND,
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("template", sa.Text, sa.ForeignKey("template.hash")),
        sa.Column("planned_at", UtcDateTime, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
        sa.Column("message_id", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("committed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("digest", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("next_at", UtcDateTime),
        sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ambiguous", sa.Integer, nullable=False, server_default="0"),
        sa.Column("settled_at", UtcDateTime),
        sa.Column("code", sa.Text, nullable=False, server_default=""),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("subscriber_id", "slot", "kind", name="uq_delivery_slot"),
    )
    columns = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns("kept"))
    op.execute(f"INSERT INTO delivery ({columns}) SELECT {columns} FROM kept")  # noqa: S608 - names of our own
    op.execute("DROP TABLE kept")
    op.create_index("ix_delivery_status", "delivery", ["status", "slot"])
    op.create_index("ix_delivery_message_id", "delivery", ["message_id"], unique=True)
    op.create_index("ix_delivery_lease_until", "delivery", ["lease_until"])
    op.create_index("ix_delivery_next_at", "delivery", ["next_at"])
