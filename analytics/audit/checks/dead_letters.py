"""Dead letters against the ledger, batch by batch: no event is stored and still a dead letter, none is gone in silence.

run.py calls it for `--full`. Letters are discarded, which the audit log counts, and expire, which nothing counts.
"""

from datetime import UTC

from sqlalchemy import Engine, text

from analytics.audit.balance_sheet import BalanceSheet, Gap, format_instant
from analytics.audit.checks.receipts import HourRange
from analytics.audit.checks.recount import repeatable_read

MAX_LISTED_GAPS = 100
# All letters of the hours, and the ledger row of each batch by pk_ingest_ledger. Without a row it is in ledger_hours.
FIND_EXCESS = text("""
SELECT s.key, letter.received_at, batch.dead_lettered, letter.events
FROM (
    SELECT entry_id, received_at, min(site_id) AS site_id,
        CASE WHEN bool_or(position = -1) THEN -1 ELSE count(*) END AS singles
    FROM dead_letters
    WHERE received_at >= :start AND received_at < :end
        AND (CAST(:site_id AS integer) IS NULL OR site_id = :site_id)
    GROUP BY entry_id, received_at
) AS of_batch
CROSS JOIN LATERAL (
    SELECT received, dead_lettered
    FROM ingest_ledger
    WHERE entry_id = of_batch.entry_id AND received_at = of_batch.received_at
    OFFSET 0
) AS batch
CROSS JOIN LATERAL (
    SELECT of_batch.received_at, of_batch.site_id,
        CASE WHEN of_batch.singles = -1 THEN batch.received ELSE of_batch.singles END AS events
) AS letter
LEFT JOIN sites s ON s.id = letter.site_id
WHERE letter.events > batch.dead_lettered
ORDER BY letter.received_at, s.key
LIMIT :limit
""")
# By site: dead-lettered events of the ledger, those that letters hold, and those that were discarded.
COUNT_BY_SITE = text("""
SELECT s.key, sum(dead), sum(held), sum(discarded)
FROM (
    SELECT site_id, dead_lettered AS dead, 0 AS held, 0 AS discarded
    FROM ingest_ledger
    WHERE received_at >= :start AND received_at < :end AND dead_lettered > 0
    UNION ALL
    SELECT site_id, dead_lettered, 0, 0
    FROM ledger_hours
    WHERE hour >= :start AND hour < :end AND dead_lettered > 0
    UNION ALL
    SELECT letter.site_id, 0, CASE WHEN letter.position >= 0 THEN 1 ELSE batch.dead_lettered END, 0
    FROM dead_letters letter
    LEFT JOIN LATERAL (
        SELECT dead_lettered
        FROM ingest_ledger
        WHERE letter.position = -1 AND entry_id = letter.entry_id AND received_at = letter.received_at
        OFFSET 0
    ) AS batch ON true
    WHERE letter.received_at >= :start AND letter.received_at < :end
    UNION ALL
    SELECT site_id, 0, 0, CAST(value AS bigint)
    FROM audit_log
    CROSS JOIN LATERAL jsonb_each_text(detail -> 'received')
    WHERE action = 'dead_letters.discard'
        AND CAST(key AS timestamptz) >= :start AND CAST(key AS timestamptz) < :end
) AS counted
JOIN sites s ON s.id = counted.site_id
WHERE CAST(:site_id AS integer) IS NULL OR s.id = :site_id
GROUP BY s.key
ORDER BY s.key
""")


def check_dead_letters(engine: Engine, hours: HourRange, sheet: BalanceSheet) -> None:
    """Adds a gap for each batch whose letters hold more than the ledger calls dead-lettered, and a note for each site
    with dead-lettered events whose letters are gone. Reads the ledger of the hours once."""
    with repeatable_read(engine) as connection:
        excess = connection.execute(FIND_EXCESS, {**hours._asdict(), "limit": MAX_LISTED_GAPS}).all()
        sites = connection.execute(COUNT_BY_SITE, hours._asdict()).all()
    for key, received_at, dead, held in excess:
        hour = received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        what = "dead-lettered by the ledger = events of dead letters"
        sheet.gaps.append(Gap(key or "(no site)", format_instant(hour), what, dead, held))
    for key, dead, held, discarded in sites:
        if missing := max(0, int(dead) - int(held) - int(discarded)):
            sheet.notes.append(
                f"{key}: {missing:,} of {dead:,} dead-lettered events have no dead letter: past"
                " DEAD_LETTER_RETENTION_DAYS, or lost"
            )
