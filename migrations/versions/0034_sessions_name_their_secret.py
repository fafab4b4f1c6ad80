"""Sessions name the secret of the settings that they were opened with; what accounts own has their new subject.

Sessions by ADMIN_PASSWORD and by one click do not say which: they end. The release before runs beside it; sessions that
it opens by them meanwhile end with it.
"""

from alembic import op

revision, down_revision = "0034", "0033"


def upgrade() -> None:
    op.execute("ALTER TABLE sessions ADD COLUMN secret_digest bytea")
    op.execute("""
UPDATE sessions
SET subject = CASE parent_id WHEN 'account:local' THEN 'account:admin' ELSE parent_id END,
    revoked_at = CASE WHEN parent_id IN ('account:local', 'account:admin') THEN now() ELSE revoked_at END
WHERE parent_id LIKE 'account:%'
""")
    for table in ("export_jobs", "export_schedules"):
        # One click was an account of its own.
        op.execute(f"""
UPDATE {table}
SET request = jsonb_set(request, '{{token_id}}', '"account:admin"')
WHERE request ->> 'token_id' = 'account:local'
""")
        op.execute(f"UPDATE {table} SET owner = request ->> 'token_id' WHERE request ->> 'token_id' LIKE 'account:%'")


def downgrade() -> None:
    for table in ("export_jobs", "export_schedules"):
        op.execute(f"UPDATE {table} SET owner = substr(owner, 9) WHERE owner LIKE 'account:%'")
    op.execute("UPDATE sessions SET subject = substr(subject, 9) WHERE subject LIKE 'account:%'")
    op.execute("ALTER TABLE sessions DROP COLUMN secret_digest")
