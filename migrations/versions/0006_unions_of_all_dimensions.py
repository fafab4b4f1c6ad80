"""Drops the unions of months that were of totals only; compaction makes them anew, in every dimension."""

from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    op.execute("DELETE FROM rollups WHERE span <> 'day'")


def downgrade() -> None:
    # The release before reads any union of totals that it finds, whole or with other dimensions beside it: but it does
    # not add what comes late to those of weeks.
    op.execute("DELETE FROM rollups WHERE span <> 'day'")
