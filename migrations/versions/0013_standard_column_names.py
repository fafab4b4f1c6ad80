"""Columns take the field's standard names: dead_lettered, dead_lettered_at, occurred_at, value_property, first_seen_at.

Code of the release before uses the old names. Stop its workers and web processes before the upgrade (and those of the
new release before a downgrade). What they hold is not lost: accepted batches wait in the stream, and the next drain
takes over the entries that a stopped worker had read. A rename changes the catalogue only: it takes milliseconds,
recurses into every partition, and gives up after the lock_timeout of env.py.
"""

from alembic import op

revision, down_revision = "0013", "0012"

# (table, old name, new name), in the order in which a drain locks the tables.
RENAMED_COLUMNS = (
    ("users", "first_seen", "first_seen_at"),
    ("dead_letters", "died_at", "dead_lettered_at"),
    ("ingest_ledger", "dead", "dead_lettered"),
    ("ledger_hours", "dead", "dead_lettered"),
    ("audit_log", "at", "occurred_at"),
    ("funnels", "value", "value_property"),
)


def upgrade() -> None:
    for table, old, new in RENAMED_COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    op.execute("ALTER INDEX ix_audit_log_at RENAME TO ix_audit_log_occurred_at")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_audit_log_occurred_at RENAME TO ix_audit_log_at")
    for table, old, new in reversed(RENAMED_COLUMNS):
        op.alter_column(table, new, new_column_name=old)
