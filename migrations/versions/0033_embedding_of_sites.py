"""Sites name the origins whose pages may show their shared pages in a frame.

Adds a column with a constant default, so the release before runs beside it.
"""

from alembic import op

revision, down_revision = "0033", "0032"


def upgrade() -> None:
    op.execute("ALTER TABLE sites ADD COLUMN embed_origins TEXT[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE sites DROP COLUMN embed_origins")
