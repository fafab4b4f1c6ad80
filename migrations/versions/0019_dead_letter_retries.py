"""Dead letters can be retried, and their addresses masked: how often it was tried, whether a worker is to do it.

The release before ignores the new columns. The table is small; the index is built without blocking its writers.
"""

from alembic import op

revision, down_revision = "0019", "0018"
INDEX = "ix_dead_letters_to_retry"


def upgrade() -> None:
    op.execute("ALTER TABLE dead_letters ADD retries integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE dead_letters ADD retried_at timestamptz")
    op.execute("ALTER TABLE dead_letters ADD retry_attempts_left integer")
    op.execute("ALTER TABLE dead_letters ADD ips_masked boolean NOT NULL DEFAULT false")
    with op.get_context().autocommit_block():
        op.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON dead_letters (id) WHERE retry_attempts_left IS NOT NULL")


def downgrade() -> None:
    # Letters that wait to be retried stay dead letters.
    op.execute(f"DROP INDEX {INDEX}")
    op.execute("ALTER TABLE dead_letters DROP ips_masked")
    op.execute("ALTER TABLE dead_letters DROP retry_attempts_left")
    op.execute("ALTER TABLE dead_letters DROP retried_at")
    op.execute("ALTER TABLE dead_letters DROP retries")
