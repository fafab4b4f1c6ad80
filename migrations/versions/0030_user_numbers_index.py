"""An index of users by number: lists of users find the ids of those whom column files name by number.

Built without blocking drains, which add users meanwhile. The release before does not use it.
"""

from alembic import op

revision, down_revision = "0030", "0029"
INDEX = "ix_users_site_id_user_no"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # Left invalid by an attempt that was stopped.
        op.execute(f"DROP INDEX IF EXISTS {INDEX}")
        op.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON users (site_id, user_no) WITH (fillfactor = 100)")


def downgrade() -> None:
    op.execute(f"DROP INDEX {INDEX}")
