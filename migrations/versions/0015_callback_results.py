"""The result of the last callback of an export job: its HTTP status, or why there was none.

Columns without a default change the catalogue only. The release before neither reads nor writes them.
"""

from alembic import op
from sqlalchemy import Column, Integer, Text

revision, down_revision = "0015", "0014"


def upgrade() -> None:
    op.add_column("export_jobs", Column("notify_status", Integer))
    op.add_column("export_jobs", Column("notify_error", Text))


def downgrade() -> None:
    op.drop_column("export_jobs", "notify_error")
    op.drop_column("export_jobs", "notify_status")
