"""When indexes of publications are asked again."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table. Nothing that is there changes."""
    op.create_table(
        "enrichment",
        sa.Column("enricher", sa.Text, primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), primary_key=True, index=True),
        sa.Column("ask_again", UtcDateTime, nullable=False),
    )
