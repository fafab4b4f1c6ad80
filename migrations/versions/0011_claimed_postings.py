"""Postings are made beside merges: a day is claimed first, and marked as made when nothing changed it meanwhile."""

from alembic import op

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE posted_days ADD COLUMN made BOOLEAN NOT NULL DEFAULT true")


def downgrade() -> None:
    op.execute("DELETE FROM posted_days WHERE NOT made")
    op.execute("ALTER TABLE posted_days DROP COLUMN made")
