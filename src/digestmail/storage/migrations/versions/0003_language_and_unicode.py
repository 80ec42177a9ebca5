"""The language of a subscriber; titles in TeX are also known by the key of their Unicode text."""

import sqlalchemy as sa
from alembic import op

from digestmail.text.identity import title_key

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the language, which nobody has chosen yet, and the keys under which sources will bring old papers again."""
    op.add_column("subscriber", sa.Column("language", sa.Text))
    _know_titles_in_unicode()


def _know_titles_in_unicode() -> None:
    # A paper known only by its title would come again as another one, and be sent again. The key is the one that
    # sources compute today, whatever it will be by then.
    paper = sa.table("paper", sa.column("id", sa.Integer), sa.column("title", sa.Text))
    identity = sa.table("paper_identity", sa.column("identity", sa.Text), sa.column("paper_id", sa.Integer))
    connection = op.get_bind()
    known = set(connection.scalars(sa.select(identity.c.identity).where(identity.c.identity.startswith("title:"))))
    for row in connection.execute(sa.select(paper).order_by(paper.c.id)).all():
        key = title_key(row.title)
        if key not in known:
            known.add(key)
            connection.execute(sa.insert(identity).values(identity=key, paper_id=row.id))
