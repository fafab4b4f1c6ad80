"""Every table, index and constraint of the database. No queries.

All tables belong to one plain `MetaData`, so that Alembic, tasks and importers use them without Flask. Unique keys of
the large tables include the partition column, and `user_no` where the table may be distributed (docs/decisions/0001).
"""

from typing import Any

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
    Sequence,
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
    # Raw events are kept for this many days; null: EVENT_RETENTION_DAYS.
    Column("event_retention_days", Integer),
    # The time zone of the rollups' days; differs from `zone` until they are rebuilt. Null: there are no rollups.
    Column("rollups_zone", Text),
    # Raw events before this instant may be deleted; days that begin earlier are frozen. Null: none was deleted.
    Column("raw_since", Instant),
    # What the ids and visitor keys of the site's events derive from: its first key. Null: its key.
    Column("hash_key", Text),
    # Host names of the site, with *. in front for all of their sub-domains: visits from there have no source.
    Column("domains", ARRAY(Text), nullable=False, server_default="{}"),
    # Origins whose pages may show the site's shared pages in a frame.
    Column("embed_origins", ARRAY(Text), nullable=False, server_default="{}"),
    # Since when the site is being deleted (ingest/deletion/site_deletion.py). Null: it is not.
    Column("deleting_at", Instant),
    # day, month or forever: how long a visitor key is valid; address_and_agent or address: what it is made of
    # (privacy/visitor_keys.py).
    Column("visitor_window", Text, nullable=False, server_default="day"),
    Column("visitor_by", Text, nullable=False, server_default="address_and_agent"),
    # Table → rows: `found` when the deletion began, and `deleted` so far.
    Column("deletion", JSONB(none_as_null=True)),
    # Grows with each change of the site's rows in event_schemas. 0: there never were any.
    Column("schemas_version", Integer, nullable=False, server_default="0"),
)

# The JSON Schemas that payloads of a site's events must satisfy (sites/event_schemas/).
event_schemas = Table(
    "event_schemas",
    metadata,
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    # As events of it are stored.
    Column("type", Text, primary_key=True),
    # JSON, as it was sent.
    Column("schema", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# The former keys of renamed sites, by which they are still found (sites/names.py). No site has one as its key.
site_aliases = Table(
    "site_aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "site_id"),
)

# Fixed-width columns first: saves eight bytes of padding an event.
events = Table(
    "events",
    metadata,
    Column("event_id", UUID, nullable=False),
    Column("ts", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("user_no", BigInteger, nullable=False),
    Column("site_id", Integer, nullable=False),
    # Index in the accepted batch; -1: stored by a release that did not keep it (store/event_queries). Added later, so
    # it is the last column of its rows.
    Column("position", Integer, nullable=False, server_default="-1"),
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
    # Of the page, in the form of sites/domains.py. Null in rows of before it was stored, like the three below.
    Column("hostname", Text),
    # A tag of language and region, de-CH; and the class of the screen's width (ingest/decoding/client_fields.py).
    Column("language", Text),
    Column("screen", Text),
    # Through which kind of place the visitor came (ingest/enrich/channels.py).
    Column("channel", Text),
    # Which drain stored it: of a site ascending in the order of commits (store/columns/event_days.py). 0: an earlier
    # release.
    Column("drain_no", BigInteger, nullable=False, server_default="0"),
    # Begins with the identity, so that an event id alone finds its row in each day's index.
    # Derived ids arrive in order, so full pages stay full: saves 6 bytes an event.
    Index("uq_events", "site_id", "event_id", "ts", "user_no", unique=True, postgresql_with={"fillfactor": 100}),
    # A few pages a day: rows arrive in the order of time, so a range of either column skips most of a partition. Block
    # ranges are summarised as soon as they are full, because the newest rows are read most.
    Index("ix_events_ts", "ts", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    # The rows that no column file holds: the last ones of a partition, and late ones.
    Index("ix_events_drain_no", "drain_no", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="RANGE (ts)",
)

drain_numbers = Sequence("drain_numbers", metadata=metadata)

# The UTC days of which a site has stored events: written by each drain, under the lock of user_numbers.
event_days = Table(
    "event_days",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    # The greatest drain_no of the day's events.
    Column("last_drain_no", BigInteger, nullable=False),
    # How many were ever stored, which only grows.
    Column("stored", BigInteger, nullable=False),
    # Today's row is updated by each drain: with free space on the page, no index is updated.
    postgresql_with={"fillfactor": 50},
)

# What of a UTC day the column files hold: all events of drains up to `through`. Null: none (store/event_files.py).
column_days = Table(
    "column_days",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("through", BigInteger),
    # event_days.stored when the last file was written.
    Column("stored", BigInteger, nullable=False, server_default="0"),
    Column("written_at", Instant, nullable=False, server_default=func.now()),
    # When files of the day were last given the visits of their events.
    Column("visits_named_at", Instant),
    postgresql_with={"fillfactor": 50},
)

# Events in columns: zstd Parquet, sorted by user_no and the order of events (columnar/columns.py). Never updated.
column_files = Table(
    "column_files",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("day", Date, nullable=False),
    # The last drain whose events it holds.
    Column("through", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # Of the visits that its events name (store/event_files.py); another one, and they are looked up. NULL: none.
    Column("visits_version", Text),
    Index(None, "site_id", "day"),
)

# The visits that began in `[start_at, end_at)`, in columns, as they were when the day had this version: another one,
# and nobody reads the file (store/columns/visit_files.py).
visit_files = Table(
    "visit_files",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # Of the calendar of the rollups.
    Column("day", Date, primary_key=True),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# Numeric points with a name, a value and tags.
samples = Table(
    "samples",
    metadata,
    Column("sample_id", UUID, nullable=False),
    Column("ts", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("site_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    # All digits as sent.
    Column("value", Numeric, nullable=False),
    # gauge, counter or timing; null: not sent.
    Column("kind", Text),
    # Name → text; '{}' for none.
    Column("tags", JSONB, nullable=False),
    Index("uq_samples", "site_id", "sample_id", "ts", unique=True, postgresql_with={"fillfactor": 100}),
    Index(None, "site_id", "name", "ts"),
    postgresql_partition_by="RANGE (ts)",
)

# The next user_no of a site; the row is inserted with the site's first users. Its lock lets one drain at a time write
# for the site (store/events.py). Not a column of `sites`, because a change of calendar locks that row while it counts.
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
    Column("first_seen_at", Instant, nullable=False),
    # Numbers ascend, so it grows at its end.
    Index(None, "site_id", "user_no", postgresql_with={"fillfactor": 100}),
)

ingest_ledger = Table(
    "ingest_ledger",
    metadata,
    # The stream's entry id, which is also the batch_id of the caller's 202.
    Column("entry_id", Text, primary_key=True),
    Column("received_at", Instant, primary_key=True),
    # A drain writes the ledger last: its transaction commits a moment later (reports/realtime/new_events.py).
    Column("stored_at", Instant, nullable=False, server_default=func.clock_timestamp()),
    Column("site_id", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("duplicate", Integer, nullable=False),
    Column("dead_lettered", Integer, nullable=False),
    # The site was being deleted, or was deleted, when the batch was to be stored.
    Column("refused", Integer, nullable=False, server_default="0"),
    # The token's subject, and the id of the HTTP request.
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
    # Index in the batch; -1: the whole batch could not be read.
    Column("position", Integer, nullable=False),
    Column("site_id", Integer),
    Column("event_id", UUID),
    Column("received_at", Instant, nullable=False),
    Column("dead_lettered_at", Instant, nullable=False, server_default=func.now()),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    # An entry of the stream: the whole batch, or with one event of it (ingest/drain/letter_bodies.py).
    Column("body", LargeBinary, nullable=False),
    # Retries that ended, and when the last one did.
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retried_at", Instant),
    # How many more times a worker begins to retry it. Null: nobody has asked for it.
    Column("retry_attempts_left", Integer),
    # The addresses in `body` are masked (privacy/letter_masks.py).
    Column("ips_masked", Boolean, nullable=False, server_default="false"),
    Index("uq_dead_letters", "entry_id", "position", unique=True),
    Index("ix_dead_letters_to_retry", "id", postgresql_where=text("retry_attempts_left IS NOT NULL")),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("revoked_at", Instant, nullable=False, server_default=func.now()),
    # When the token expires; then the row can be deleted. Null: the token never expires.
    Column("expires_at", Instant),
    Column("reason", Text, nullable=False, server_default=""),
)

# Tokens that this service has issued, so that they can be listed and revoked; rows go when the token has expired.
issued_tokens = Table(
    "issued_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # Keys of sites, as in the token's claim; null: all.
    Column("sites", ARRAY(Text)),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", Instant, nullable=False),
    # Null: the token never expires.
    Column("expires_at", Instant),
    Index(None, "issued_at"),
)

# Secret and publishable keys (auth/keys/keys.py). A key that is not valid any more stays, so that a list can show it.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    # secret, publishable
    Column("kind", Text, nullable=False),
    # SHA-256 of the key, which is 256 random bits.
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    # The first characters, by which its owner knows a key.
    Column("prefix", Text, nullable=False),
    # The text of a publishable key, which is public anyway; null for a secret one.
    Column("public_key", Text),
    Column("name", Text, nullable=False, server_default=""),
    # Whose events and exports they are: stays when the key is rotated.
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # False: the sites of api_key_sites.
    Column("all_sites", Boolean, nullable=False),
    # Of browsers; empty: any.
    Column("origins", ARRAY(Text), nullable=False, server_default="{}"),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Null: never. Rotation sets the end of the overlap.
    Column("expires_at", Instant),
    # Up to a minute late.
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    # The key that this one replaces.
    Column("rotated_from", UUID(as_uuid=False), ForeignKey("api_keys.id", ondelete="SET NULL")),
    Index(None, "created_at"),
    # Every minute last_used_at changes: with free space on the page, no index is updated.
    postgresql_with={"fillfactor": 70},
)

# The sites of a key without all_sites. A key whose last site was removed is for none, and is refused.
api_key_sites = Table(
    "api_key_sites",
    metadata,
    Column("key_id", UUID(as_uuid=False), ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index(None, "site_id"),
)

# Links by which anybody who has one reads a site's harmless reports (auth/keys/share_links.py).
share_links = Table(
    "share_links",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    # SHA-256 of the token, which is 256 random bits.
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Null: never.
    Column("expires_at", Instant),
    # Up to a minute late.
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "site_id", "created_at"),
    postgresql_with={"fillfactor": 70},
)

# People who are signed in to the dashboard (auth/sessions/). The cookie's text is stored only as a hash.
sessions = Table(
    "sessions",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # NULL: all sites.
    Column("sites", ARRAY(Text)),
    # The token or account that the person signed in with, and whose revocation ends the session.
    Column("parent_id", Text, nullable=False),
    # Of the secret of the settings that it was opened with (setting_secrets.py); NULL: with a token or an account.
    Column("secret_digest", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    # Up to a minute late.
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "parent_id"),
    postgresql_with={"fillfactor": 70},
)

# Who may sign in to the dashboard by name and password (auth/sessions/accounts.py).
accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    # scrypt, as werkzeug.security writes it.
    Column("password", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    # NULL: all sites.
    Column("sites", ARRAY(Text)),
    Column("changed_at", Instant, nullable=False),
)

# The action of the audit log whose entries do not stay for ever: strangers cause them.
REFUSED_SIGN_IN = "session.refuse"
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("occurred_at", Instant, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("site_id", Integer),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Index(None, "occurred_at"),
)

imports = Table(
    "imports",
    metadata,
    # The site, and a hash of the source's content and the options.
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("format", Text, nullable=False),
    # Kept from the first run, so that another run shifts the rows to the same instants.
    Column("shift_s", BigInteger, nullable=False, server_default="0"),
    Column("lines_done", BigInteger, nullable=False, server_default="0"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
)

# What one drained chunk adds to a site's rollups, until `merge` has added it. Written with the chunk's events.
rollup_deltas = Table(
    "rollup_deltas",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("site_id", Integer, nullable=False),
    # The time zone of its days: the site's when it was written.
    Column("zone", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("events", Integer, nullable=False),
    # Encoded by rollups/deltas/counts.py.
    Column("body", LargeBinary, nullable=False),
    Index(None, "site_id", "id"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # day, week or month; weeks and months are unions of closed days, stored under their first day.
    Column("span", Text, primary_key=True),
    # total, hour, path, referrer, source, country … (rollups/deltas/counts.py).
    Column("dimension", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("type", Text, primary_key=True),
    # The short code of a click; '' for the whole site.
    Column("subject", Text, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    # '' where the event has none; for `hour` the hours since the start of the day, 00 to 24.
    Column("value", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    # user_no of all counted users, a serialised 64-bit roaring bitmap.
    Column("users", LargeBinary, nullable=False),
    # Today's rows are updated every few seconds: with free space on the page, no index is updated.
    postgresql_with={"fillfactor": 50},
)

visits = Table(
    "visits",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("user_no", BigInteger, primary_key=True),
    # The session_id that was sent; '' for none: then only gaps in time separate visits.
    Column("session_id", Text, primary_key=True),
    # In the key, because a bot may send a user's session_id.
    Column("is_bot", Boolean, primary_key=True),
    Column("started_at", Instant, primary_key=True),
    Column("ended_at", Instant, nullable=False),
    Column("views", Integer, nullable=False),
    # The receipt of the first and of the last page view, by which views of one instant are ordered
    # (rollups/visits/sessionization.py). Epoch and 0: of a release that did not keep it.
    Column("entry_received_at", Instant, nullable=False, server_default="epoch"),
    Column("exit_received_at", Instant, nullable=False, server_default="epoch"),
    Column("entry_position", Integer, nullable=False, server_default="0"),
    Column("exit_position", Integer, nullable=False, server_default="0"),
    # The path of the last page view; the columns below are those of the first.
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
    Column("utm_term", Text, nullable=False, server_default=""),
    Column("utm_content", Text, nullable=False, server_default=""),
    Column("region", Text, nullable=False, server_default=""),
    Column("city", Text, nullable=False, server_default=""),
    Column("channel", Text, nullable=False, server_default=""),
    # Longer than six hours: not found by the look-up in the hours before a page view (rollups/visits/store.py).
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
    # A visit is updated while it grows: with free space on the page, no index is updated.
    postgresql_with={"fillfactor": 70},
)


def _visit_counts() -> list[Column[Any]]:
    """The last columns of visit_rollups and visit_unions."""
    return [
        Column("visits", BigInteger, nullable=False),
        # Visits with one page view.
        Column("bounces", BigInteger, nullable=False),
        Column("views", BigInteger, nullable=False),
        Column("duration_us", BigInteger, nullable=False),
        # Who the visits are of, and the further visits of users with several (rollups/visits/visitors.py). Null: not
        # known, as for days that an earlier release counted; total and hour have none.
        Column("users", LargeBinary),
        Column("repeats", LargeBinary),
    ]


# A visit counts on the day it began.
visit_rollups = Table(
    "visit_rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # total, hour, entry_path, exit_path, source, country … (rollups/visits/sums.py).
    Column("dimension", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    Column("value", Text, primary_key=True),
    *_visit_counts(),
    postgresql_with={"fillfactor": 50},
)

# Sums of visit_rollups over closed weeks and months, stored under their first day.
visit_unions = Table(
    "visit_unions",
    metadata,
    Column("site_id", Integer, primary_key=True),
    # week or month
    Column("span", Text, primary_key=True),
    Column("dimension", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("is_bot", Boolean, primary_key=True),
    Column("value", Text, primary_key=True),
    *_visit_counts(),
    postgresql_with={"fillfactor": 50},
)

# Samples by UTC hour: one row for all samples of a name, and one for each set of tags (rollups/samples/rollups.py).
sample_rollups = Table(
    "sample_rollups",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    # False: all samples of the name in the hour. Before `hour`, so that a range of hours is a range of the key.
    Column("tagged", Boolean, primary_key=True),
    Column("hour", Instant, primary_key=True),
    # A hash of the tags, which may be too long for an index; zero where not tagged.
    Column("tags_id", UUID, primary_key=True),
    # Null: all tags; where tagged: the sets of tags beyond the limit.
    Column("tags", JSONB(none_as_null=True)),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", BigInteger, nullable=False),
    # How many sets of tags have a row in this hour; filled in the row that is not tagged.
    Column("tag_sets", Integer, nullable=False),
    Column("sum", Numeric, nullable=False),
    Column("min", Numeric, nullable=False),
    Column("max", Numeric, nullable=False),
    # The value and kind at last_at.
    Column("last", Numeric, nullable=False),
    Column("kind", Text),
    # Encoded by rollups/samples/sketch.py.
    Column("sketch", LargeBinary, nullable=False),
    # The open hour is updated all the time: with free space on the page, no index is updated.
    postgresql_with={"fillfactor": 50},
)

# The names of a site's samples, and how many samples of each were ever stored.
sample_names = Table(
    "sample_names",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Days whose rollups changed since close_day last wrote their metrics, and days that were never closed.
open_days = Table(
    "open_days",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("changed_at", Instant, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Counted up by each change of the day's rollups, visits or raw events (rollups/versions.py).
day_versions = Table(
    "day_versions",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
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

# The ledger's sums by UTC hour of receipt, of partitions that retention has dropped.
ledger_hours = Table(
    "ledger_hours",
    metadata,
    Column("site_id", Integer, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("batches", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("dead_lettered", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False, server_default="0"),
)

archives = Table(
    "archives",
    metadata,
    # The file's name: the partition's, a checksum and the number of rows.
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
    # After a temporary failure: no attempt before this instant.
    Column("retry_at", Instant),
    Column("expires_at", Instant),
    # Number of claims. A worker names its own in every write, so that a stale worker changes nothing.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # The export holds the rows received before this instant.
    Column("cutoff", Instant),
    # The parts of the export; of finished ones rows, bytes and sha256.
    Column("parts", JSONB, nullable=False, server_default=text("'[]'")),
    Column("rows_done", BigInteger, nullable=False, server_default="0"),
    Column("rows_estimate", BigInteger),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    Column("error", Text),
    # The file's name in EXPORT_URL.
    Column("file", Text),
    Column("callback_url", Text),
    # Attempts of the callback, when the next one is due, and when one succeeded.
    Column("notify_attempt", Integer, nullable=False, server_default="0"),
    Column("notify_at", Instant),
    Column("notified_at", Instant),
    # The last attempt: the HTTP status of the response, or why there was none.
    Column("notify_status", Integer),
    Column("notify_error", Text),
    Column("schedule_id", UUID),
    Index("uq_export_jobs_site_idempotency", "owner", "site_id", "idempotency_key", unique=True),
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
    # Rows received before this instant are in an earlier file.
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
    # The subject of the creating token.
    Column("owner", Text, nullable=False),
    # The creator that the caller named.
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    # Parsed by funnels/steps.py.
    Column("steps", JSONB, nullable=False),
    # ordered, strict
    Column("ordering", Text, nullable=False),
    # user, visit
    Column("scope", Text, nullable=False),
    # Longest time from the first step to the last.
    Column("window_s", Integer, nullable=False),
    # The property of the last step's payload that is summed; null: none.
    Column("value_property", Text),
    Column("is_active", Boolean, nullable=False, server_default="true"),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index(None, "site_id", "created_at"),
)

# Which events of a site are conversions (insights/goals/goals.py).
goals = Table(
    "goals",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    # A pattern (reports/filtering/path_patterns.py); null: any path, or none.
    Column("path", Text),
    # A report filter (reports/filtering/filters.py).
    Column("filter", Text),
    # The conversion value: property or amount, and currency or currency_property.
    Column("value", JSONB(none_as_null=True)),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index("uq_goals_site_id_name", "site_id", "name", unique=True),
)

# Filters with a name (reports/segments/segments.py).
segments = Table(
    "segments",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    # The name by which it is found: without regard to case.
    Column("folded_name", Text, nullable=False),
    # A report filter (reports/filtering/filters.py) that names no segment.
    Column("filter", Text, nullable=False),
    # The subject of the creating token.
    Column("owner", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index("uq_segments_site_id_folded_name", "site_id", "folded_name", unique=True),
)

# Texts on days of a site (reports/notes/notes.py).
notes = Table(
    "notes",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("site_id", Integer, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("day", Date, nullable=False),
    Column("text", Text, nullable=False),
    # The subject of the creating token.
    Column("owner", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Index(None, "site_id", "day"),
)

# Partitioned tables and their partition columns.
PARTITION_COLUMNS = {"events": "ts", "samples": "ts", "ingest_ledger": "received_at"}
SUPPORTED_TYPES = (
    "page_view",
    "button_click",
    "form_submit",
    "video_play",
    "course_complete",
    "search_query",
    "error_occurred",
)
