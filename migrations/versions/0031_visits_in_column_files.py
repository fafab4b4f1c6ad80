"""Column files name the visits of their events, of the version that a file says. Files without one stay readable.

Instant: both columns are empty. The release before reads files that have more columns.
"""

from alembic import op

revision, down_revision = "0031", "0030"


def upgrade() -> None:
    op.execute("ALTER TABLE column_files ADD COLUMN visits_version text")
    op.execute("ALTER TABLE column_days ADD COLUMN visits_named_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE column_days DROP COLUMN visits_named_at")
    op.execute("ALTER TABLE column_files DROP COLUMN visits_version")
