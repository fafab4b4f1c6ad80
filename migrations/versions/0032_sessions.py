"""Sessions of people in the dashboard, and accounts with a password.

Only adds small tables, so the release before runs beside it.
"""

from alembic import op

revision, down_revision = "0032", "0031"


def upgrade() -> None:
    op.execute("""
CREATE TABLE sessions (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    subject TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    sites TEXT[],
    parent_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_sessions PRIMARY KEY (id),
    CONSTRAINT uq_sessions_token_hash UNIQUE (token_hash)
) WITH (fillfactor = 70);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sessions_parent_id ON sessions (parent_id);
CREATE TABLE accounts (
    name TEXT NOT NULL,
    password TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    sites TEXT[],
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (name)
);
""")


def downgrade() -> None:
    op.execute("DROP TABLE accounts")
    op.execute("DROP TABLE sessions")
