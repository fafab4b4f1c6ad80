"""Sites say how long a visitor key is valid, and what it is made of.

Adds columns with constant defaults, so the release before runs beside it. Clicks of the site `links` are unique by
address from now on, whatever the day (docs/decisions/0029); those that are stored keep their keys.
"""

from alembic import op

revision, down_revision = "0024", "0023"


def upgrade() -> None:
    op.execute("""
ALTER TABLE sites
    ADD COLUMN visitor_window TEXT NOT NULL DEFAULT 'day',
    ADD COLUMN visitor_by TEXT NOT NULL DEFAULT 'address_and_agent';
UPDATE sites SET visitor_window = 'forever', visitor_by = 'address' WHERE coalesce(hash_key, key) = 'links';
""")


def downgrade() -> None:
    op.execute("ALTER TABLE sites DROP COLUMN visitor_by, DROP COLUMN visitor_window")
