"""The weeks and months of sites whose days are all closed: of those, unions are built."""

from sqlalchemy import TextClause, text


def select_due_spans(first_day: str, conditions: str) -> TextClause:
    """Rows (site_id, span, first day), weeks before months; :site_id is null for all sites.

    `first_day`: a query for the site's first day, as `first`; `conditions`: on the span k.span of the site s, which
    begins on d.day and has the length k.length. A few look-ups for each week and month of a site, by uq_metrics and
    pk_open_days.
    """
    return text(f"""
SELECT s.id, k.span, CAST(d.day AS date)
FROM sites s
CROSS JOIN LATERAL ({first_day}) AS known
CROSS JOIN LATERAL (SELECT max(date) AS last FROM metrics WHERE site_id = s.id) AS closed
CROSS JOIN (VALUES ('week', interval '1 week'), ('month', interval '1 month')) AS k (span, length)
CROSS JOIN LATERAL generate_series(
    date_trunc(k.span, CAST(known.first AS timestamp)), closed.last + interval '1 day' - k.length, k.length
) AS d (day)
WHERE (CAST(:site_id AS int) IS NULL OR s.id = :site_id)
    AND NOT EXISTS (
        SELECT FROM open_days WHERE site_id = s.id AND day >= d.day AND day < d.day + k.length
    )
    AND {conditions}
ORDER BY s.id, k.span DESC, d.day
""")  # noqa: S608  # of constants
