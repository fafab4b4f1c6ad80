"""Postings: who did what and when on a day that is over, by type and path, packed for funnels."""

from alembic import op

revision, down_revision = "0010", "0009"

# Packed integers do not compress, and what is not compressed is read without a copy.
UP = """
CREATE TABLE posted_days (
    site_id INTEGER NOT NULL,
    day DATE NOT NULL,
    start_at TIMESTAMPTZ NOT NULL,
    end_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_posted_days PRIMARY KEY (site_id, day)
);
CREATE TABLE postings (
    site_id INTEGER NOT NULL,
    day DATE NOT NULL,
    type TEXT NOT NULL,
    path TEXT NOT NULL,
    is_bot BOOLEAN NOT NULL,
    body BYTEA NOT NULL,
    sessions BYTEA NOT NULL,
    CONSTRAINT pk_postings PRIMARY KEY (site_id, day, type, path, is_bot)
);
ALTER TABLE postings ALTER body SET STORAGE EXTERNAL, ALTER sessions SET STORAGE EXTERNAL;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE postings, posted_days")
