"""Exports: jobs and their schedules."""

from alembic import op

revision, down_revision = "0003", "0002"

TABLES = """
CREATE TABLE export_jobs (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    request JSONB NOT NULL,
    idempotency_key TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    heartbeat_at TIMESTAMPTZ,
    retry_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    attempt INTEGER NOT NULL DEFAULT 0,
    cutoff TIMESTAMPTZ,
    parts JSONB NOT NULL DEFAULT '[]',
    rows_done BIGINT NOT NULL DEFAULT 0,
    rows_estimate BIGINT,
    bytes BIGINT,
    sha256 TEXT,
    error TEXT,
    file TEXT,
    callback_url TEXT,
    notify_attempt INTEGER NOT NULL DEFAULT 0,
    notify_at TIMESTAMPTZ,
    notified_at TIMESTAMPTZ,
    schedule_id UUID,
    CONSTRAINT pk_export_jobs PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_export_jobs_idempotency ON export_jobs (owner, idempotency_key);
CREATE INDEX ix_export_jobs_owner_created_at ON export_jobs (owner, created_at);
CREATE INDEX ix_export_jobs_state ON export_jobs (state);
CREATE TABLE export_schedules (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    request JSONB NOT NULL,
    every TEXT NOT NULL,
    at TIME NOT NULL,
    zone TEXT NOT NULL,
    next_run_at TIMESTAMPTZ NOT NULL,
    last_cutoff TIMESTAMPTZ,
    enabled BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT pk_export_schedules PRIMARY KEY (id)
);
CREATE INDEX ix_export_schedules_next_run_at ON export_schedules (next_run_at);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE export_schedules, export_jobs")
