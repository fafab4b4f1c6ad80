"""An Idempotency-Key of exports counts within its site: callers of two sites may share a subject.

Runs beside the release before, which looks for the key of every site and inserts what either index accepts.
"""

from alembic import op

revision, down_revision = "0016", "0015"


def upgrade() -> None:
    _replace("uq_export_jobs_idempotency", "uq_export_jobs_site_idempotency", "owner, site_id, idempotency_key")


def downgrade() -> None:
    # Keys that two sites use would violate the old index: only the older job keeps its key.
    op.execute(
        "UPDATE export_jobs AS later SET idempotency_key = NULL FROM export_jobs AS earlier"
        " WHERE earlier.owner = later.owner AND earlier.idempotency_key = later.idempotency_key"
        " AND (earlier.created_at, earlier.id) < (later.created_at, later.id)"
    )
    _replace("uq_export_jobs_site_idempotency", "uq_export_jobs_idempotency", "owner, idempotency_key")


def _replace(old: str, new: str, columns: str) -> None:
    # The table has one row an export: milliseconds. CONCURRENTLY would wait for every export that is running.
    op.execute(f"CREATE UNIQUE INDEX {new} ON export_jobs ({columns})")
    op.execute(f"DROP INDEX {old}")
