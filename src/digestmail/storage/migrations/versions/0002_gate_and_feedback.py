"""The gate of a subscriber, and the papers they asked for more or less of."""

import sqlalchemy as sa
from alembic import op

from digestmail.storage.tables import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what profiles have gained. Everybody begins with the normal gate."""
    op.add_column("subscriber", sa.Column("gate", sa.Text, nullable=False, server_default="normal"))
    op.create_table(
        "feedback",
        sa.Column("subscriber_id", sa.Integer, sa.ForeignKey("subscriber.id"), primary_key=True),
        sa.Column("paper_id", sa.Integer, sa.ForeignKey("paper.id"), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    _free_brackets()


def _free_brackets() -> None:
    """Brackets now hold a topic. Until now they matched nothing, so keywords find the same papers without them."""
    subscriber = sa.table("subscriber", sa.column("id", sa.Integer), sa.column("keywords", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(subscriber)).all():
        keywords = [_without_brackets(keyword) for keyword in row.keywords]
        if keywords != row.keywords:
            connection.execute(sa.update(subscriber).where(subscriber.c.id == row.id).values(keywords=keywords))


def _without_brackets(keyword: str) -> str:
    if '"' in keyword:  # a quoted phrase keeps them: quotes stood around all of it or the keyword was refused
        return keyword
    words = " ".join(keyword.replace("[", " ").replace("]", " ").split()).lstrip("- ")
    return f"-{words}" if keyword.startswith("-") else words
