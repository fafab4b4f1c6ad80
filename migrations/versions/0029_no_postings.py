"""Funnels are counted from column files: postings go. Their tables are locked for the moment of the drop.

Stop web, worker and beat of the release before, whose merges delete postings. A downgrade makes the tables without
rows; that release fills them within ten minutes.
"""

from alembic import op

revision, down_revision = "0029", "0028"


def upgrade() -> None:
    op.execute("DROP TABLE postings, posted_days")


def downgrade() -> None:
    op.execute("""
CREATE TABLE posted_days (
    site_id INTEGER NOT NULL,
    day DATE NOT NULL,
    start_at TIMESTAMPTZ NOT NULL,
    end_at TIMESTAMPTZ NOT NULL,
    made BOOLEAN NOT NULL DEFAULT true,
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
-- Packed integers do not compress, and what is not compressed is read without a copy.
ALTER TABLE postings ALTER body SET STORAGE EXTERNAL, ALTER sessions SET STORAGE EXTERNAL;
""")
