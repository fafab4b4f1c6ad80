"""The order of receipt: each event's index in its batch, and the receipts of a visit's first and last page view.

Only adds columns with constant defaults, which rewrite no row, so the release before runs beside it. Its events have
the position -1. Deltas of this release, which the one before cannot read, wait for a worker of this release.
"""

from alembic import op

revision, down_revision = "0021", "0020"


def upgrade() -> None:
    op.execute("""
ALTER TABLE events ADD COLUMN position INTEGER NOT NULL DEFAULT -1;
ALTER TABLE visits
    ADD COLUMN entry_received_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    ADD COLUMN exit_received_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    ADD COLUMN entry_position INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN exit_position INTEGER NOT NULL DEFAULT 0;
""")


def downgrade() -> None:
    # Events of one instant are in the old orders again; visits stay as they are until their days are rebuilt.
    op.execute("""
DO $$
BEGIN
    IF EXISTS (SELECT FROM rollup_deltas WHERE substr(body, 1, 1) = '\\x02') THEN
        RAISE EXCEPTION 'the release before cannot read the waiting deltas'
            USING HINT = 'stop web, worker and beat, run `flask rollups merge` with this release, then downgrade';
    END IF;
END
$$;
ALTER TABLE visits
    DROP COLUMN exit_position,
    DROP COLUMN entry_position,
    DROP COLUMN exit_received_at,
    DROP COLUMN entry_received_at;
ALTER TABLE events DROP COLUMN position;
""")
