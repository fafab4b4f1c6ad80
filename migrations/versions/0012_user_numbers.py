"""The next user_no has a table of its own: drains lock it all day, and a change of calendar holds the site's row."""

from alembic import op

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    # Drains of the release before hand out numbers until then, and none after.
    op.execute("LOCK TABLE sites IN ACCESS EXCLUSIVE MODE")
    op.execute("""
CREATE TABLE user_numbers (
    site_id INTEGER NOT NULL,
    next_user_no BIGINT NOT NULL,
    CONSTRAINT pk_user_numbers PRIMARY KEY (site_id),
    CONSTRAINT fk_user_numbers_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
) WITH (fillfactor = 50)
""")
    op.execute("INSERT INTO user_numbers (site_id, next_user_no) SELECT id, next_user_no FROM sites")
    op.execute("ALTER TABLE sites DROP COLUMN next_user_no")


def downgrade() -> None:
    op.execute("LOCK TABLE user_numbers IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE sites ADD COLUMN next_user_no BIGINT NOT NULL DEFAULT 1")
    op.execute("UPDATE sites SET next_user_no = n.next_user_no FROM user_numbers n WHERE n.site_id = sites.id")
    op.execute("DROP TABLE user_numbers")
