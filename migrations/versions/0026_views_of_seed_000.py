"""The tables that seed 000 prints, as read-only views: clicks, and reports by day, week and month (docs/seeds.md).

Only adds. A migration that changes the type of a column that they read drops them first and makes them again.
"""

from alembic import op

revision, down_revision = "0026", "0025"

# The size of a stored set of users (rollups/bitmaps.py) from its headers:
# https://github.com/RoaringBitmap/RoaringFormatSpec: key and size less one of each container, whose body is skipped.
COUNT_USERS = """
CREATE FUNCTION count_bitmap_users(users bytea) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    at integer := 8;
    total bigint := 0;
    containers integer;
    flags integer;
    heads integer;
    size integer;
    has_runs boolean;
    is_run boolean;
BEGIN
    IF length(users) = 0 THEN
        RETURN 0;
    END IF;
    -- Parts of 2^32 numbers: their upper half, then a 32-bit set.
    FOR part IN 1 .. get_byte(users, 0) + get_byte(users, 1) * 256 LOOP
        at := at + 4;
        has_runs := get_byte(users, at) = 59;
        IF has_runs THEN
            containers := get_byte(users, at + 2) + get_byte(users, at + 3) * 256 + 1;
            flags := at + 4;
            heads := flags + (containers + 7) / 8;
        ELSE
            containers := get_byte(users, at + 4) + get_byte(users, at + 5) * 256 + get_byte(users, at + 6) * 65536;
            heads := at + 8;
        END IF;
        at := heads + 4 * containers;
        IF NOT has_runs OR containers >= 4 THEN
            at := at + 4 * containers;
        END IF;
        FOR n IN 0 .. containers - 1 LOOP
            size := get_byte(users, heads + 4 * n + 2) + get_byte(users, heads + 4 * n + 3) * 256 + 1;
            total := total + size;
            is_run := has_runs AND get_byte(users, flags + n / 8) >> (n % 8) & 1 = 1;
            at := at + CASE
                WHEN is_run THEN 2 + 4 * (get_byte(users, at) + get_byte(users, at + 1) * 256)
                WHEN size > 4096 THEN 8192
                ELSE 2 * size
            END;
        END LOOP;
    END LOOP;
    RETURN total;
END $$
"""
# The site that the reports on short links read: `links`, also after it was renamed.
LINKS = """
SELECT id, coalesce(rollups_zone, zone) AS zone
FROM sites
WHERE key = 'links' OR id = (SELECT site_id FROM site_aliases WHERE alias = 'links')
"""
# A scalar subquery: its result bounds the scan of each partition's uq_events.
CLICKS = f"""
CREATE VIEW click_events AS
SELECT
    event_id AS id,
    CAST(coalesce(subject, '') AS varchar) AS short_code,
    CAST(NULL AS text) AS user_agent,
    CAST(coalesce(host(ip), '') AS varchar(45)) AS ip_address,
    referrer AS referer,
    CAST(country AS varchar(2)) AS country,
    CAST(city AS varchar) AS city,
    ts AS "timestamp",
    user_id AS visitor
FROM events
WHERE site_id = (SELECT id FROM ({LINKS}) AS links) AND type = 'click' AND NOT is_bot
"""
# As top_countries and top_referers of GET /analytics/stats/<short code>: the ten largest, as JSON.
TOP_LIST = """
(
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'count', clicks) ORDER BY clicks DESC, name), '[]')::text
    FROM (
        SELECT {label} COLLATE "C" AS name, sum(events)::bigint AS clicks
        FROM rollups
        WHERE site_id = total.site_id AND span = total.span AND dimension = '{dimension}' AND day = total.day
            AND type = 'click' AND subject = total.subject AND NOT is_bot
        GROUP BY 1
        ORDER BY 2 DESC, 1
        LIMIT 10
    ) AS listed
)
"""
COUNTRY = "coalesce(nullif(value, ''), 'Unknown')"
# The host without "www."; no scheme: a page of the site itself.
HOST = r"substring(value FROM '^[a-z][a-z0-9+.-]*://(?\:www\.)?(\[[^\]]*\]|[^/:]+)')"
REFERER = f"CASE value WHEN '(other) ' THEN value ELSE coalesce({HOST}, 'Direct') END"
# Served by pk_rollups.
REPORTS = f"""
CREATE VIEW analytics_reports AS
SELECT
    hashtextextended(concat_ws(' ', total.span, total.day, total.subject), 0) AS id,
    CAST(total.subject AS varchar) AS short_code,
    CAST(CASE total.span WHEN 'day' THEN 'daily' ELSE total.span || 'ly' END AS varchar(50)) AS report_type,
    CAST(total.day AS timestamp) AT TIME ZONE links.zone AS report_date,
    total.events AS total_clicks,
    count_bitmap_users(total.users) AS unique_clicks,
    {TOP_LIST.format(label=COUNTRY, dimension="country")} AS top_countries,
    {TOP_LIST.format(label=REFERER, dimension="referrer")} AS top_referers,
    now() AS created_at
FROM ({LINKS}) AS links
JOIN rollups AS total ON total.site_id = links.id
WHERE total.span IN ('day', 'week', 'month') AND total.dimension = 'total' AND total.type = 'click'
    AND total.subject NOT IN ('', '(other) ') AND NOT total.is_bot AND total.value = ''
"""
REFUSE = """
CREATE FUNCTION refuse_change_of_view() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is a read-only view: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Clicks arrive by POST /analytics/events/. Retention deletes old ones: EVENT_RETENTION_DAYS, and'
                ' flask retention run. docs/seeds.md lists what else differs from a table.';
END $$
"""
# The first makes the view no longer updatable by itself, the second refuses also what would change no row.
TRIGGERS = """
CREATE TRIGGER refuse_row INSTEAD OF INSERT OR UPDATE OR DELETE ON {view}
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_view();
CREATE TRIGGER refuse_statement BEFORE INSERT OR UPDATE OR DELETE ON {view}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_view();
"""


def upgrade() -> None:
    for statement in (COUNT_USERS, CLICKS, REPORTS, REFUSE):
        op.execute(statement)
    for view in ("click_events", "analytics_reports"):
        op.execute(TRIGGERS.format(view=view))


def downgrade() -> None:
    op.execute("""
DROP VIEW analytics_reports, click_events;
DROP FUNCTION refuse_change_of_view(), count_bitmap_users(bytea);
""")
