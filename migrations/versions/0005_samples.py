"""Samples: numeric points, their rollups by hour, and the names there are."""

from alembic import op

revision, down_revision = "0005", "0004"

TABLES = """
CREATE TABLE samples (
    sample_id UUID NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    site_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value NUMERIC NOT NULL,
    kind TEXT,
    tags JSONB NOT NULL
) PARTITION BY RANGE (ts);
CREATE UNIQUE INDEX uq_samples ON samples (site_id, sample_id, ts) WITH (fillfactor = 100);
CREATE INDEX ix_samples_site_id_name_ts ON samples (site_id, name, ts);
CREATE TABLE sample_rollups (
    site_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    tagged BOOLEAN NOT NULL,
    hour TIMESTAMPTZ NOT NULL,
    tags_id UUID NOT NULL,
    tags JSONB,
    first_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    count BIGINT NOT NULL,
    tag_sets INTEGER NOT NULL,
    sum NUMERIC NOT NULL,
    min NUMERIC NOT NULL,
    max NUMERIC NOT NULL,
    last NUMERIC NOT NULL,
    kind TEXT,
    sketch BYTEA NOT NULL,
    CONSTRAINT pk_sample_rollups PRIMARY KEY (site_id, name, tagged, hour, tags_id)
) WITH (
    -- The open hour is rewritten with each chunk; two kilobytes of sketch stay in the row where there is room.
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 500,
    toast.autovacuum_vacuum_cost_delay = 0
);
CREATE TABLE sample_names (
    site_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT pk_sample_names PRIMARY KEY (site_id, name)
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_cost_delay = 0
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE sample_names, sample_rollups, samples")
