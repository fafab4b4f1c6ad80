"""Every table, index and constraint, on one page. No queries.

Tables hang on one plain `MetaData`, so that Alembic, the tasks and the importers can read them without Flask. Keys of
the large tables hold their partition column, and `user_no` where the table may be distributed (docs/decisions/0001).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB, TIMESTAMP, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)
Instant = TIMESTAMP(timezone=True)

sites = Table(
    "sites",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("zone", Text, nullable=False, server_default="UTC"),
    # open: any event type. strict: only those in event_types.
    Column("types", Text, nullable=False, server_default="open"),
    Column("event_types", ARRAY(Text), nullable=False),
    # trust, enforce or override: how a token's `sub` relates to an event's user_id (spec C7).
    Column("identity", Text, nullable=False, server_default="trust"),
    Column("public_ingest", Boolean, nullable=False, server_default="false"),
    Column("public_stats", Boolean, nullable=False, server_default="false"),
    Column("allowed_origins", ARRAY(Text), nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    # Days that raw events are kept; null: EVENT_RETENTION_DAYS.
    Column("event_retention_days", Integer),
    # The zone whose calendar the rollups are in; another than `zone` until they are rebuilt. Null: there are none.
    Column("rollups_zone", Text),
    # Raw events before this instant may be gone; days that begin earlier are frozen. Null: all are there.
    Column("raw_since", Instant),
)

# Fixed-width columns first: eight bytes an event less padding.
events = Table(
    "events",
    metadata,
    Column("event_id", UUID, nullable=False),
    Column("ts", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("user_no", BigInteger, nullable=False),
    Column("site_id", Integer, nullable=False),
    Column("is_bot", Boolean, nullable=False),
    Column("type", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("session_id", Text),
    Column("src", Text),
    Column("subject", Text),
    Column("path", Text),
    Column("referrer", Text),
    Column("source", Text),
    Column("country", Text),
    Column("region", Text),
    Column("city", Text),
    Column("browser", Text),
    Column("os", Text),
    Column("device", Text),
    Column("utm_source", Text),
    Column("utm_medium", Text),
    Column("utm_campaign", Text),
    Column("utm_term", Text),
    Column("utm_content", Text),
    Column("ip", INET),
    Column("payload", JSONB),
    # Leads with the identity, so that an event id alone finds its row in each day's index.
    # Derived ids arrive in order, so full pages stay full: 6 bytes an event less.
    Index("uq_events", "site_id", "event_id", "ts", "user_no", unique=True, postgresql_with={"fillfactor": 100}),
    # A few pages a day: rows arrive in the order of time, so ranges of either skip most of a partition. A range is
    # summed up as soon as it is full: the newest rows are those that are asked for most.
    Index("ix_events_ts", "ts", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="RANGE (ts)",
)

# Numeric points: a name, a value, tags.
samples = Table(
    "samples",
    metadata,
    Column("sample_id", UUID, nullable=False),
    Column("ts", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("site_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    # As sent, to the last digit.
    Column("value", Numeric, nullable=False),
    # gauge, counter or timing; null: the caller did not say.
    Column("kind", Text),
    # Name → text; '{}' for none.
    Column("tags", JSONB, nullable=False),
    Index("uq_samples", "site_id", "sample_id", "ts", unique=True, postgresql_with={"fillfactor": 100}),
    Index(None, "site_id", "name", "ts"),
    postgresql_partition_by="RANGE (ts)",
)

# The next user_no to hand out; a row comes with a site's first users. Its lock is what makes one site's drains take
# turns (store/events.py); a change of calendar holds the site's own row for as long as it counts.
user_numbers = Table(
    "user_numbers",
    metadata,
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("next_user_no", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)

users = Table(
    "users",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("user_no", BigInteger, nullable=False),
    Column("first_seen", Instant, nullable=False),
)

ingest_ledger = Table(
    "ingest_ledger",
    metadata,
    # The stream's entry id, which is also the batch_id of the caller's 202.
    Column("entry_id", Text, primary_key=True),
    Column("received_at", Instant, primary_key=True),
    # The ledger is what a drain writes last: its transaction commits a moment later (reports/live.py).
    Column("stored_at", Instant, nullable=False, server_default=func.clock_timestamp()),
    Column("site_id", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("duplicate", Integer, nullable=False),
    Column("dead", Integer, nullable=False),
    # Who sent it: the token's subject, and the id of the HTTP request.
    Column("principal", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Index(None, "stored_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="RANGE (received_at)",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("entry_id", Text, nullable=False),
    # Position in the stored batch; -1: the whole batch could not be read.
    Column("position", Integer, nullable=False),
    Column("site_id", Integer),
    Column("event_id", UUID),
    Column("received_at", Instant, nullable=False),
    Column("died_at", Instant, nullable=False, server_default=func.now()),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("uq_dead_letters", "entry_id", "position", unique=True),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("revoked_at", Instant, nullable=False, server_default=func.now()),
    # The row may go once the token would have expired by itself; null: it never would.
    Column("expires_at", Instant),
    Column("reason", Text, nullable=False, server_default=""),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", Instant, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("site_id", Integer),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Index(None, "at"),
)

imports = Table(
    "imports",
    metadata,
    # What was read: the site, and a fingerprint of the source's content and options.
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("format", Text, nullable=False),
    # Kept from the first run, so that a second one shifts its rows to the same instants.
    Column("shift_s", BigInteger, nullable=False, server_default="0"),
    Column("lines_done", BigInteger, nullable=False, server_default="0"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
)

# What one drained chunk adds to the rollups of a site, until `merge` has folded it in. Written with the chunk's events.
rollup_deltas = Table(
    "rollup_deltas",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("site_id", Integer, nullable=False),
    # The calendar its days are in: the site's when it was written.
    Column("zone", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("events", Integer, nullable=False),
    # rollups/delta.py packs and unpacks it.
    Column("body", LargeBinary, nullable=False),
    Index(None, "site_id", "id"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # day; week and month: unions of closed days, on their first day.
    Column("span", Text, primary_key=True),
    # total, hour, path, referrer, source, country … (rollups/delta.py).
    Column("dimension", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("type", Text, primary_key=True),
    # The short code of a click; '' for the site as a whole.
    Column("subject", Text, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    # '' where the event has none; for `hour` the full hours since the day began, 00 to 24.
    Column("value", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    # user_no of everybody counted, as a serialised 64-bit roaring bitmap.
    Column("users", LargeBinary, nullable=False),
    # Today's rows are rewritten every few seconds: with room on the page, no index is touched.
    postgresql_with={"fillfactor": 50},
)

visits = Table(
    "visits",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("user_no", BigInteger, primary_key=True),
    # The caller's session; '' where it sent none and the gaps alone divide.
    Column("session_id", Text, primary_key=True),
    # A program may use a person's session: their visits are apart.
    Column("is_bot", Boolean, primary_key=True),
    Column("started_at", Instant, primary_key=True),
    Column("ended_at", Instant, nullable=False),
    Column("views", Integer, nullable=False),
    # The path of the last view; the other columns are the first view's.
    Column("exit_path", Text, nullable=False),
    Column("entry_path", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("referrer", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Column("os", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("utm_source", Text, nullable=False),
    Column("utm_medium", Text, nullable=False),
    Column("utm_campaign", Text, nullable=False),
    # Longer than six hours, and so not found by a look at the hours before a page view (rollups/visit_store.py).
    Column("is_long", Boolean, nullable=False),
    Index(None, "site_id", "started_at"),
    Index(
        "ix_visits_long",
        "site_id",
        "user_no",
        "session_id",
        "is_bot",
        "started_at",
        postgresql_where=text("is_long"),
    ),
    # A visit's row is rewritten as it grows: with room on its page, no index is touched.
    postgresql_with={"fillfactor": 70},
)

# Sums, so no bitmaps: a visit belongs to the day it began.
visit_rollups = Table(
    "visit_rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # total, hour, entry_path, exit_path, source, country … (rollups/visits.py).
    Column("dimension", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("visits", BigInteger, nullable=False),
    # Visits of one view.
    Column("bounces", BigInteger, nullable=False),
    Column("views", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Samples by UTC hour: a row for all of a name, and one for each set of tags (rollups/sample_rollups.py).
sample_rollups = Table(
    "sample_rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    # False: all of the name's samples in the hour. Leads the hour, so that a range of hours is a range of the key.
    Column("tagged", Boolean, primary_key=True),
    Column("hour", Instant, primary_key=True),
    # A digest of the tags, which may be too long for an index; zero where not tagged.
    Column("tags_id", UUID, primary_key=True),
    # Null: all tags; or, where tagged, those that found no room.
    Column("tags", JSONB(none_as_null=True)),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", BigInteger, nullable=False),
    # Sets of tags that have rows of their own in this hour; told by the row for all.
    Column("tag_sets", Integer, nullable=False),
    Column("sum", Numeric, nullable=False),
    Column("min", Numeric, nullable=False),
    Column("max", Numeric, nullable=False),
    # The value, and the kind, at last_at.
    Column("last", Numeric, nullable=False),
    Column("kind", Text),
    # rollups/sample_sketch.py packs and unpacks it.
    Column("sketch", LargeBinary, nullable=False),
    # The open hour is rewritten all the time: with room on its page, no index is touched.
    postgresql_with={"fillfactor": 50},
)

# The names of a site's samples, and how many there ever were.
sample_names = Table(
    "sample_names",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Days whose rollups changed since close_day last wrote their metrics; also each day that was never closed.
open_days = Table(
    "open_days",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("changed_at", Instant, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Days that are over and have postings, of all the events they had when these were made: those in [start_at, end_at).
# Not `made`: they are being made, and nobody reads them yet.
posted_days = Table(
    "posted_days",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("made", Boolean, nullable=False, server_default=text("true")),
)

# Each day's events by what a funnel asks for first; store/postings.py says how they are packed.
postings = Table(
    "postings",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("type", Text, primary_key=True),
    # '' where the event has none; '(other)' for those that have no row of their own in the day's rollups.
    Column("path", Text, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    # Who and when.
    Column("body", LargeBinary, nullable=False),
    # In the same order, a number for each session.
    Column("sessions", LargeBinary, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("date", Date, nullable=False),
    Column("metric_name", Text, nullable=False),
    Column("metric_value", Numeric, nullable=False),
    Column("dimensions", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index("uq_metrics", "site_id", "date", "metric_name", "dimensions", unique=True),
)

# The ledger's sums by UTC hour of receipt; they outlive its rows.
ledger_hours = Table(
    "ledger_hours",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("batches", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("dead", BigInteger, nullable=False),
)

archives = Table(
    "archives",
    metadata,
    # The partition's name.
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("archived_at", Instant, nullable=False, server_default=func.now()),
)

export_jobs = Table(
    "export_jobs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, nullable=False),
    # The subject of the caller's token.
    Column("owner", Text, nullable=False),
    # queued, running, done, failed, cancelled, expired
    Column("state", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("idempotency_key", Text),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("heartbeat_at", Instant),
    # Not before this, after a failure that may pass.
    Column("retry_at", Instant),
    Column("expires_at", Instant),
    # Counts those who took the job; whoever writes for it names the one that they are.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # The job holds what was received before this.
    Column("cutoff", Instant),
    # How the work was cut, and of what is done: rows, bytes, sha256.
    Column("parts", JSONB, nullable=False, server_default=text("'[]'")),
    Column("rows_done", BigInteger, nullable=False, server_default="0"),
    Column("rows_estimate", BigInteger),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    Column("error", Text),
    # The file's name in EXPORT_URL.
    Column("file", Text),
    Column("callback_url", Text),
    # Tries to call it, when the next one is due, and when one was answered.
    Column("notify_attempt", Integer, nullable=False, server_default="0"),
    Column("notify_at", Instant),
    Column("notified_at", Instant),
    Column("schedule_id", UUID),
    Index("uq_export_jobs_idempotency", "owner", "idempotency_key", unique=True),
    Index(None, "owner", "created_at"),
    Index(None, "state"),
)

export_schedules = Table(
    "export_schedules",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    # day, week, month
    Column("every", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("zone", Text, nullable=False),
    Column("next_run_at", Instant, nullable=False),
    # What was received before this is in an earlier file.
    Column("last_cutoff", Instant),
    Column("enabled", Boolean, nullable=False, server_default="true"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Index(None, "next_run_at"),
)

funnels = Table(
    "funnels",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, nullable=False),
    # The subject of the token that made it.
    Column("owner", Text, nullable=False),
    # Whom the caller named as its maker.
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    # funnels/steps.py reads them.
    Column("steps", JSONB, nullable=False),
    # ordered, strict
    Column("ordering", Text, nullable=False),
    # user, visit
    Column("scope", Text, nullable=False),
    # From the first step to the last.
    Column("window_s", Integer, nullable=False),
    # The property of the last step's payload that is summed; null: none.
    Column("value", Text),
    Column("is_active", Boolean, nullable=False, server_default="true"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index(None, "site_id", "created_at"),
)

# Which events of a site are conversions (insights/goals.py).
goals = Table(
    "goals",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    # A pattern (reports/patterns.py); null: any path, or none.
    Column("path", Text),
    # In the language of reports (reports/filters.py).
    Column("filter", Text),
    # What one is worth: property or amount, currency or currency_property.
    Column("value", JSONB(none_as_null=True)),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index("uq_goals_site_id_name", "site_id", "name", unique=True),
)

# Partitioned tables and the column that decides.
PARTITIONED = {"events": "ts", "samples": "ts", "ingest_ledger": "received_at"}
SUPPORTED_TYPES = (
    "page_view",
    "button_click",
    "form_submit",
    "video_play",
    "course_complete",
    "search_query",
    "error_occurred",
)
