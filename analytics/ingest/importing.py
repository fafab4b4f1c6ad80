"""One run of an import: records → checked events → the stream, with a checkpoint after each batch; then the account.

The commands call it; the drain does the rest. A run that was killed goes on after its last checkpoint; what had been
appended past it is appended again under the same ids, and the drain stores it once. Row of `imports`: one for each
site, content and options; `counts` holds the account so far, and length and digest of the content, by which a grown
log is recognised.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock, queue
from analytics.errors import Unavailable
from analytics.ingest import buffer
from analytics.ingest.dialects import BATCH
from analytics.ingest.enrich import parse_user_agent
from analytics.ingest.events import Event, Rules, Window, read_batch
from analytics.ingest.importers import Format, Lines, Record, Scan, Source, record_id, scan
from analytics.sites import Site
from analytics.store.events import stored_entries

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
FUTURE = timedelta(hours=1)
BATCH_EVENTS, BATCH_BYTES = 1000, 1_000_000
# Problems that the account shows; --report has them all.
SHOWN = 20
RETRY_S, POLL_S, IDLE_S = 1.0, 0.25, 30.0
# An entry's id holds Redis's clock, its ledger row ours.
CLOCKS_DIFFER = timedelta(hours=1)


class Refused(msgspec.Struct):
    """A line that did not become an event."""

    line: int
    field: str
    code: str
    detail: str


class Account(msgspec.Struct):
    """What became of the lines: read = imported + unparsable + blank, always. `bots` and `past_retention` are parts
    of imported, `types` its breakdown."""

    read: int = 0
    imported: int = 0
    unparsable: int = 0
    blank: int = 0
    bots: int = 0
    past_retention: int = 0
    types: dict[str, int] = {}
    problems: list[Refused] = []
    content: str = ""
    bytes: int = 0


class Stored(NamedTuple):
    """What the drain made of the batches of one run; `batches` of them are done."""

    batches: int
    received: int
    stored: int
    duplicate: int
    dead: int


class Watcher(Protocol):
    """Who is told how far a run is."""

    def advance(self, lines: int, bytes_read: int) -> None: ...

    def say(self, message: str) -> None: ...


@dataclass
class Import:
    """A run. `prepare`, then `send`, then perhaps `wait`; `stored` at the end."""

    engine: Engine
    redis: Redis
    site: Site
    source: Source
    form: Format
    principal: str
    limits: buffer.Limits
    retention_days: int
    options: str = ""
    account: Account = field(default_factory=Account)
    fingerprint: str = ""
    shift_s: int = 0
    lines_done: int = 0
    was_finished: bool = False
    entries: list[str] = field(default_factory=list)
    started_at: datetime = EARLIEST
    _scan: Scan | None = None

    def prepare(self, shift_to_now: bool = False, restart: bool = False) -> Scan:
        """Reads the source once, finds or makes its row. Raises BadInput; nothing has been sent by then."""
        earlier = self._shifted_before() if shift_to_now else {}
        marks = (size for size, _ in earlier.values())
        found = self._scan = scan(self.source, self.form, marks, with_times=shift_to_now)
        options = f"{self.form.name}\n{self.options}\n{'shifted' if shift_to_now else ''}"
        self.fingerprint = sha256(f"{found.digest}\n{options}".encode()).hexdigest()
        if shift_to_now:
            # A log that has grown keeps its shift, so that its old lines keep their instants.
            known = [earlier[digest][1] for digest in found.grown_from if digest in earlier]
            self.shift_s = known[-1] if known else _shift(found.latest)
        self._open_row(restart)
        return found

    def send(self, watcher: Watcher, refuse: Callable[[Refused], None]) -> None:
        """Appends everything after the checkpoint. May be interrupted anywhere."""
        chosen = self._scan or self.prepare()
        rules = self._rules()
        with self.source.open() as stream:
            lines = Lines(stream)
            pending: list[tuple[int, bytes]] = []
            size = 0
            for record in self._after_checkpoint(lines, chosen):
                self.account.read += 1
                made = self._event(record, chosen, refuse)
                if made is not None:
                    pending.append((record.line, made))
                    size += len(made)
                if len(pending) >= rules.max_events or size >= BATCH_BYTES:
                    self._flush(pending, rules, watcher, refuse)
                    pending, size = [], 0
                    watcher.advance(self.account.read, lines.bytes)
            self._flush(pending, rules, watcher, refuse)
            watcher.advance(self.account.read, lines.bytes)
        self._close_row()

    def _after_checkpoint(self, lines: Lines, chosen: Scan) -> Iterator[Record]:
        for number, record in enumerate(self.form.records(lines), 1):
            if number > self.lines_done:
                yield record
            elif record.text:
                # Equal records are told apart by how many came before, also before the checkpoint.
                chosen.repeats.earlier(record.text)

    def _event(self, record: Record, chosen: Scan, refuse: Callable[[Refused], None]) -> bytes | None:
        if not record.problem and not record.text.strip():
            self.account.blank += 1
            return None
        try:
            if record.problem:
                raise ValueError(record.problem)
            return self.form.event(record, lambda: self._id(record, chosen), timedelta(seconds=self.shift_s))
        except (ValueError, OverflowError, RecursionError) as error:
            self._refuse(Refused(record.line, "", "unparsable", str(error)), refuse)
            return None

    def _id(self, record: Record, chosen: Scan) -> str:
        return record_id(self.site.key, self.shift_s, record.text, chosen.repeats.earlier(record.text))

    def _refuse(self, problem: Refused, refuse: Callable[[Refused], None]) -> None:
        self.account.unparsable += 1
        if len(self.account.problems) < SHOWN:
            self.account.problems.append(problem)
        refuse(problem)

    def _rules(self) -> Rules:
        return Rules(
            window=Window(EARLIEST, clock.now() + FUTURE),
            max_events=max(1, min(BATCH_EVENTS, self.limits.events)),
            site_key=self.site.key,
            types=self.site.event_types if self.site.types == "strict" else None,
        )

    def _flush(
        self, pending: list[tuple[int, bytes]], rules: Rules, watcher: Watcher, refuse: Callable[[Refused], None]
    ) -> None:
        """Checks a batch as a request's would be, appends what is good, and writes the checkpoint."""
        if pending:
            batch = read_batch(b"[" + b",".join(made for _, made in pending) + b"]", rules, BATCH)
            for index, problem in {p.index: p for p in reversed(batch.rejected) if p.index is not None}.items():
                self._refuse(Refused(pending[index][0], problem.field, problem.code, problem.detail), refuse)
            if batch.events:
                self._append(batch.body, len(batch.events), pending[0][0], watcher)
                self._count(batch.events)
        self._save()

    def _append(self, body: bytes, count: int, first_line: int, watcher: Watcher) -> None:
        packed, compressed = buffer.compress(body)
        told = False
        while True:
            now = clock.now()
            entry = buffer.Entry(
                body=packed, compressed=compressed, count=count, site_id=self.site.id, site_key=self.site.key,
                received_us=int(now.timestamp() * 1e6), skew_us=0, ip="", user_agent="", principal=self.principal,
                request_id=f"{self._request()}{first_line}",
            )  # fmt: skip
            try:
                entry_id, ring = buffer.append(self.redis, entry, self.limits)
                break
            except Unavailable as error:
                if not told:
                    watcher.say(f"waiting for room in the queue: {error.detail.split(';')[0]}; is a worker running?")
                told = True
                self._ring()
                time.sleep(RETRY_S)
        self.entries.append(entry_id)
        if ring:
            self._ring()

    @staticmethod
    def _ring() -> None:
        try:
            queue.ring_drain()
        except Unavailable:
            # The events are safe in the stream; beat rings again.
            return

    def _count(self, events: list[Event]) -> None:
        account, oldest = self.account, clock.now() - timedelta(days=self.retention_days)
        account.imported += len(events)
        # As the drain decides, for entries whose connection has no agent of its own.
        account.bots += sum(parse_user_agent(event.user_agent or "").is_bot for event in events)
        account.past_retention += sum(event.ts is not None and event.ts < oldest for event in events)
        for name, count in Counter(event.type for event in events).items():
            account.types[name] = account.types.get(name, 0) + count

    def _request(self) -> str:
        return f"import:{self.fingerprint[:12]}:"

    def wait(self, watcher: Watcher, idle_s: float = IDLE_S) -> bool:
        """Until the drain has stored what this run appended; False when nothing has moved for `idle_s`."""
        pending, moved_at = list(self.entries), time.monotonic()
        total = len(pending)
        while pending:
            times = [datetime.fromtimestamp(int(one.split("-")[0]) / 1e3, UTC) for one in (pending[0], pending[-1])]
            with self.engine.connect() as connection:
                done = stored_entries(connection, pending[:500], min(times) - CLOCKS_DIFFER, max(times) + CLOCKS_DIFFER)
            if done:
                pending, moved_at = [one for one in pending if one not in done], time.monotonic()
                watcher.say(f"stored {total - len(pending):,} of {total:,} batches")
            elif time.monotonic() - moved_at > idle_s:
                return False
            else:
                time.sleep(POLL_S)
        return True

    def stored(self) -> Stored:
        """What the ledger says of this run's batches, each counted once, however often it was appended. One query."""
        with self.engine.connect() as connection:
            found = connection.execute(
                LEDGER,
                {"site_id": self.site.id, "since": self.started_at, "request": self._request() + "%"},
            ).one()
        return Stored(*(int(value) for value in found))

    def _shifted_before(self) -> dict[str, tuple[int, int]]:
        """Digest → (length, shift_s) of what was imported with a shift into this site."""
        with self.engine.connect() as connection:
            rows = connection.execute(SHIFTED, {"site_id": self.site.id, "format": self.form.name}).all()
        return {row.content: (row.bytes, row.shift_s) for row in rows}

    def _open_row(self, restart: bool) -> None:
        with self.engine.begin() as connection:
            key = {"site_id": self.site.id, "fingerprint": self.fingerprint}
            row = connection.execute(FIND, key).first()
            if row is not None:
                self.shift_s = row.shift_s
            if row is not None and row.finished_at is None and not restart:
                self.lines_done, self.started_at = row.lines_done, row.started_at
                self.account = msgspec.convert(row.counts, Account)
                return
            self.was_finished = row is not None and row.finished_at is not None
            self.started_at = clock.now()
            chosen = self._scan
            self.account = Account(content=chosen.digest if chosen else "", bytes=chosen.bytes if chosen else 0)
            values = {**key, "source": self.source.name, "format": self.form.name, "shift_s": self.shift_s}
            connection.execute(BEGIN, {**values, "counts": self._counts(), "started_at": self.started_at})

    def _counts(self) -> str:
        return msgspec.json.encode(self.account).decode()

    def _save(self, finished_at: datetime | None = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                CHECKPOINT,
                {
                    "site_id": self.site.id, "fingerprint": self.fingerprint, "lines_done": self.account.read,
                    "counts": self._counts(), "finished_at": finished_at,
                },
            )  # fmt: skip

    def _close_row(self) -> None:
        self._save(clock.now())


def _shift(latest: datetime | None) -> int:
    """Whole seconds that bring `latest` to the present."""
    return int((clock.now() - latest).total_seconds()) if latest else 0


# Served by pk_imports.
FIND = text("SELECT * FROM imports WHERE site_id = :site_id AND fingerprint = :fingerprint FOR UPDATE")
# Served by pk_imports: a site has a handful of imports.
SHIFTED = text("""
SELECT counts->>'content' AS content, CAST(counts->>'bytes' AS bigint) AS bytes, shift_s
FROM imports
WHERE site_id = :site_id AND format = :format AND shift_s <> 0 AND CAST(counts->>'bytes' AS bigint) > 0
ORDER BY started_at
""")
BEGIN = text("""
INSERT INTO imports (site_id, fingerprint, source, format, shift_s, counts, started_at)
VALUES (:site_id, :fingerprint, :source, :format, :shift_s, CAST(:counts AS jsonb), :started_at)
ON CONFLICT (site_id, fingerprint) DO UPDATE
SET source = excluded.source, lines_done = 0, counts = excluded.counts, started_at = excluded.started_at,
    finished_at = NULL
""")
CHECKPOINT = text("""
UPDATE imports
SET lines_done = :lines_done, counts = CAST(:counts AS jsonb), finished_at = :finished_at
WHERE site_id = :site_id AND fingerprint = :fingerprint
""")
# Reads the ledger's partitions since the run began, once a run. A batch appended twice (killed between append and
# checkpoint) has two rows of one request_id: what one stored is the other's duplicate.
LEDGER = text("""
SELECT count(*), coalesce(sum(received), 0), coalesce(sum(stored), 0), coalesce(sum(duplicate), 0),
       coalesce(sum(dead), 0)
FROM (
  SELECT max(received) AS received, sum(stored) AS stored, max(received) - sum(stored) - min(dead) AS duplicate,
         min(dead) AS dead
  FROM ingest_ledger
  WHERE received_at >= :since AND site_id = :site_id AND request_id LIKE :request
  GROUP BY request_id
) AS batches
""")
