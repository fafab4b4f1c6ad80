"""What rollups sum beyond their limits is "(other) " with a blank, so that a value "(other)" that was sent is another.

Rows of before may hold both; they stay the sum until `flask rollups rebuild` recounts their days. Stop web, worker and
beat of the release before, which writes the old name. One scan of each table; the rows that change are few.
"""

from alembic import op

revision, down_revision = "0017", "0016"
COLUMNS = (("rollups", "type"), ("rollups", "subject"), ("rollups", "value"), ("visit_rollups", "value"))


def upgrade() -> None:
    _rename("(other)", "(other) ")


def downgrade() -> None:
    # A value that was sent takes the name of the rest: its rows go, until `flask rollups rebuild` sums both.
    for table, column in COLUMNS:
        op.execute(f"DELETE FROM {table} WHERE {column} = '(other)'")
    _rename("(other) ", "(other)")


def _rename(old: str, new: str) -> None:
    for table, column in COLUMNS:
        op.execute(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'")
    # They are made again in the background, of raw events.
    op.execute("TRUNCATE postings, posted_days")
