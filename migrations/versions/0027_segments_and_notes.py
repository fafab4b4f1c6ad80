"""Segments, which are filters with a name, and notes on days.

Only adds small tables, so the release before runs beside it.
"""

from alembic import op

revision, down_revision = "0027", "0026"


def upgrade() -> None:
    op.execute("""
CREATE TABLE segments (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    filter TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT pk_segments PRIMARY KEY (id),
    CONSTRAINT fk_segments_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_segments_site_id_folded_name ON segments (site_id, folded_name);
CREATE TABLE notes (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    day DATE NOT NULL,
    text TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT pk_notes PRIMARY KEY (id),
    CONSTRAINT fk_notes_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
CREATE INDEX ix_notes_site_id_day ON notes (site_id, day);
""")


def downgrade() -> None:
    # Lost with the tables: `flask segment list` and `flask note list` print them.
    op.execute("DROP TABLE notes; DROP TABLE segments;")
