"""Tables of API keys, share links and issued tokens."""

from alembic import op

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    op.execute("""
CREATE TABLE issued_tokens (
    jti TEXT NOT NULL,
    subject TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    sites TEXT[],
    issued_by TEXT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    CONSTRAINT pk_issued_tokens PRIMARY KEY (jti)
);
CREATE INDEX ix_issued_tokens_issued_at ON issued_tokens (issued_at);

CREATE TABLE api_keys (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    prefix TEXT NOT NULL,
    public_key TEXT,
    name TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    all_sites BOOLEAN NOT NULL,
    origins TEXT[] NOT NULL DEFAULT '{}',
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    rotated_from UUID,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash),
    CONSTRAINT fk_api_keys_rotated_from FOREIGN KEY (rotated_from) REFERENCES api_keys (id) ON DELETE SET NULL
) WITH (fillfactor = 70);
CREATE INDEX ix_api_keys_created_at ON api_keys (created_at);

CREATE TABLE api_key_sites (
    key_id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    CONSTRAINT pk_api_key_sites PRIMARY KEY (key_id, site_id),
    CONSTRAINT fk_api_key_sites_key_id FOREIGN KEY (key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT fk_api_key_sites_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
CREATE INDEX ix_api_key_sites_site_id ON api_key_sites (site_id);

CREATE TABLE share_links (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    prefix TEXT NOT NULL,
    site_id INTEGER NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_share_links PRIMARY KEY (id),
    CONSTRAINT uq_share_links_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_share_links_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX ix_share_links_site_id_created_at ON share_links (site_id, created_at);
""")


def downgrade() -> None:
    op.execute("DROP TABLE share_links, api_key_sites, api_keys, issued_tokens")
