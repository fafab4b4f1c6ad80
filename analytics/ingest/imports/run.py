"""One run of an import: records → checked events → the stream, with a checkpoint after each batch.

The commands call it; the drain stores the events. A killed run continues after its last checkpoint; batches appended
after it are appended again under the same ids, and the drain stores them once (checkpoints.py, record_ids.py).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from redis import Redis
from sqlalchemy import Engine

from analytics import clock, queue
from analytics.errors import Unavailable
from analytics.ingest import buffer
from analytics.ingest.decoding.events import Event, TimeWindow, ValidationRules, read_batch
from analytics.ingest.decoding.rejections import Batch
from analytics.ingest.dialects import BATCH
from analytics.ingest.exported_rows import ExportedRow, read_exported_batch
from analytics.ingest.imports.checkpoints import (
    ImportKey,
    StoredCounts,
    decode_summary,
    find_import,
    list_shifted_imports,
    save_checkpoint,
    start_import,
    sum_stored,
)
from analytics.ingest.imports.formats import ImportFormat
from analytics.ingest.imports.progress import ProgressReporter
from analytics.ingest.imports.record_ids import make_record_id
from analytics.ingest.imports.records import LineReader, Record, UnreadableRecord
from analytics.ingest.imports.sources import Source, SourceScan, scan_source
from analytics.ingest.imports.summary import ImportSummary, RejectedLine
from analytics.ingest.receipt_clock import ReceiptClock
from analytics.rollups.visits.sums import to_microseconds
from analytics.sites.event_schemas.event_schemas import find_validators
from analytics.sites.sites import Site
from analytics.store.events import find_stored_entries

MIN_TS = datetime(1970, 1, 1, tzinfo=UTC)
MAX_FUTURE = timedelta(hours=1)
MAX_BATCH_EVENTS, MAX_BATCH_BYTES = 1000, 1_000_000
# Batches looked up in the ledger at a time.
LEDGER_LOOKUP_ENTRIES = 500
RETRY_INTERVAL_S, POLL_INTERVAL_S, IDLE_TIMEOUT_S = 1.0, 0.25, 30.0
# An entry's id holds Redis's clock, its ledger row ours.
MAX_CLOCK_SKEW = timedelta(hours=1)
UNREADABLE = "the record has a value that is out of range, nested too deep or not Unicode"

OnRejected = Callable[[RejectedLine], None]


@dataclass
class ImportRun:
    """A run: `prepare`, `send`, optionally `wait`; then `read_stored_counts`."""

    engine: Engine
    redis: Redis
    site: Site
    source: Source
    file_format: ImportFormat
    principal: str
    limits: buffer.BacklogLimits
    retention_days: int
    summary: ImportSummary = field(default_factory=ImportSummary)
    fingerprint: str = ""
    shift_s: int = 0
    lines_done: int = 0
    was_finished: bool = False
    entry_ids: list[str] = field(default_factory=list)
    started_at: datetime = MIN_TS
    _scan: SourceScan | None = None
    # Lines keep their order across batches: each batch is received later than the one before.
    _receipt_clock: ReceiptClock = field(default_factory=ReceiptClock)

    def prepare(self, shift_to_now: bool = False, restart: bool = False) -> SourceScan:
        """Reads the source once, finds or inserts the import's row. Raises BadInput before anything is sent."""
        shifted = self._list_shifted_imports() if shift_to_now else {}
        lengths = (length for length, _ in shifted.values())
        scan = self._scan = scan_source(self.source, self.file_format, lengths, with_times=shift_to_now)
        options = f"{self.file_format.name}\n{self.file_format.options}\n{'shifted' if shift_to_now else ''}"
        self.fingerprint = sha256(f"{scan.digest}\n{options}".encode()).hexdigest()
        if shift_to_now:
            # A log that has grown keeps its shift, so that its old lines keep their instants.
            shifts = [shifted[digest][1] for digest in scan.prefix_digests if digest in shifted]
            self.shift_s = shifts[-1] if shifts else _seconds_to_now(scan.latest_ts)
        self._open_row(scan, restart)
        return scan

    def send(self, reporter: ProgressReporter, on_rejected: OnRejected) -> None:
        """Appends everything after the checkpoint. Can be interrupted anywhere."""
        scan = self._scan or self.prepare()
        rules = self._validation_rules()
        with self.source.open() as stream:
            lines = LineReader(stream)
            pending: list[tuple[int, bytes]] = []
            size = 0
            for record in self._skip_done(lines, scan):
                self.summary.read += 1
                event = self._convert(record, scan, on_rejected)
                if event is not None:
                    pending.append((record.line, event))
                    size += len(event)
                if len(pending) >= rules.max_events or size >= MAX_BATCH_BYTES:
                    self._flush(pending, rules, reporter, on_rejected)
                    pending, size = [], 0
                    reporter.advance(self.summary.read, lines.bytes)
            self._flush(pending, rules, reporter, on_rejected)
            reporter.advance(self.summary.read, lines.bytes)
        self._save(finished_at=clock.now())

    def wait(self, reporter: ProgressReporter, idle_s: float = IDLE_TIMEOUT_S) -> bool:
        """Waits until the drain has stored this run's batches; False after `idle_s` without progress."""
        pending, moved_at = list(self.entry_ids), time.monotonic()
        total = len(pending)
        while pending:
            stored = self._find_stored(pending)
            if stored:
                pending, moved_at = [entry_id for entry_id in pending if entry_id not in stored], time.monotonic()
                reporter.show_message(f"stored {total - len(pending):,} of {total:,} batches")
            elif time.monotonic() - moved_at > idle_s:
                return False
            else:
                time.sleep(POLL_INTERVAL_S)
        return True

    def read_stored_counts(self) -> StoredCounts:
        """The ledger's counts of this run's batches; each batch counts once, however often it was appended."""
        with self.engine.connect() as connection:
            return sum_stored(connection, self.site.id, self.started_at, self._request_prefix)

    @property
    def _key(self) -> ImportKey:
        return ImportKey(self.site.id, self.fingerprint)

    @property
    def _request_prefix(self) -> str:
        return f"import:{self.fingerprint[:12]}:"

    def _list_shifted_imports(self) -> dict[str, tuple[int, int]]:
        with self.engine.connect() as connection:
            return list_shifted_imports(connection, self.site.id, self.file_format.name)

    def _open_row(self, scan: SourceScan, restart: bool) -> None:
        with self.engine.begin() as connection:
            row = find_import(connection, self._key)
            if row is not None:
                self.shift_s, self.was_finished = row.shift_s, row.finished_at is not None
                if not self.was_finished and not restart:
                    self.lines_done, self.started_at = row.lines_done, row.started_at
                    self.summary = decode_summary(row.counts)
                    return
            self.started_at = clock.now()
            self.summary = ImportSummary(content=scan.digest, bytes=scan.bytes)
            source = {"source": self.source.name, "format": self.file_format.name}
            values = {**source, "shift_s": self.shift_s, "started_at": self.started_at}
            start_import(connection, self._key, self.summary, values)

    def _save(self, finished_at: datetime | None = None) -> None:
        with self.engine.begin() as connection:
            save_checkpoint(connection, self._key, self.summary, finished_at)

    def _validation_rules(self) -> ValidationRules:
        return ValidationRules(
            window=TimeWindow(MIN_TS, clock.now() + MAX_FUTURE),
            max_events=max(1, min(MAX_BATCH_EVENTS, self.limits.events)),
            site_key=self.site.key,
            allowed_types=self.site.event_types if self.site.types == "strict" else None,
            site_aliases=frozenset(self.site.aliases),
            validators=find_validators(self.engine, self.site),
        )

    def _skip_done(self, lines: LineReader, scan: SourceScan) -> Iterator[Record]:
        for number, record in enumerate(self.file_format.read_records(lines), 1):
            if number > self.lines_done:
                yield record
            elif record.text:
                # An id counts earlier equal records, also those before the checkpoint.
                scan.repeats.count_earlier(record.text)

    def _convert(self, record: Record, scan: SourceScan, on_rejected: OnRejected) -> bytes | None:
        """The event's JSON; None for a blank or rejected record."""
        if not record.problem and not record.text.strip():
            self.summary.blank += 1
            return None
        try:
            if record.problem:
                raise UnreadableRecord(record.problem)
            return self.file_format.convert(
                record, lambda: self._make_id(record, scan), timedelta(seconds=self.shift_s)
            )
        except UnreadableRecord as error:
            detail = str(error)
        except (ValueError, OverflowError, RecursionError):
            detail = UNREADABLE
        self._reject(RejectedLine(record.line, "", "unparsable", detail), on_rejected)
        return None

    def _make_id(self, record: Record, scan: SourceScan) -> str:
        return make_record_id(
            self.site.identity_key, self.shift_s, record.text, scan.repeats.count_earlier(record.text)
        )

    def _reject(self, rejected: RejectedLine, on_rejected: OnRejected) -> None:
        self.summary.count_rejected(rejected)
        on_rejected(rejected)

    def _flush(
        self,
        pending: list[tuple[int, bytes]],
        rules: ValidationRules,
        reporter: ProgressReporter,
        on_rejected: OnRejected,
    ) -> None:
        """Validates a batch as a request's, appends its accepted events, and saves the checkpoint."""
        if pending:
            batch = self._check([event for _, event in pending], rules)
            first_problems = {item.index: item for item in reversed(batch.rejected) if item.index is not None}
            for index, item in first_problems.items():
                self._reject(RejectedLine(pending[index][0], item.field, item.code, item.detail), on_rejected)
            self.summary.count_dropped(warning.code for warning in batch.warnings)
            if batch.items:
                self._append(batch.body, len(batch.items), pending[0][0], reporter)
                self.summary.count_events(batch.items, clock.now() - timedelta(days=self.retention_days))
        self._save()

    def _check(self, events: list[bytes], rules: ValidationRules) -> Batch[Event] | Batch[ExportedRow]:
        if self.file_format.holds_exported_rows:
            return read_exported_batch(events, rules)
        return read_batch(b"[" + b",".join(events) + b"]", rules, BATCH)

    def _append(self, body: bytes, count: int, first_line: int, reporter: ProgressReporter) -> None:
        """Appends one entry; waits while the queue is full."""
        request_id = f"{self._request_prefix}{first_line}"

        def make_entry() -> buffer.Entry:
            entry = build_entry(self.site, body, count, self.principal, request_id, self._receipt_clock.now())
            entry.holds_exported_rows = self.file_format.holds_exported_rows
            return entry

        self.entry_ids.append(append_when_there_is_room(self.redis, make_entry, self.limits, reporter))

    def _find_stored(self, pending: list[str]) -> set[str]:
        times = [
            datetime.fromtimestamp(int(entry_id.split("-")[0]) / 1e3, UTC) for entry_id in (pending[0], pending[-1])
        ]
        earliest, latest = min(times) - MAX_CLOCK_SKEW, max(times) + MAX_CLOCK_SKEW
        with self.engine.connect() as connection:
            return find_stored_entries(connection, pending[:LEDGER_LOOKUP_ENTRIES], earliest, latest)


def build_entry(
    site: Site, body: bytes, count: int, principal: str, request_id: str, received_at: datetime
) -> buffer.Entry:
    """The entry of a batch that no request brought: without an address and a user agent of its sender."""
    compressed_body, compressed = buffer.compress(body)
    return buffer.Entry(
        body=compressed_body, compressed=compressed, count=count, site_id=site.id, site_key=site.key,
        received_us=to_microseconds(received_at), skew_us=0, ip="", user_agent="",
        principal=principal, request_id=request_id,
        zone=site.zone,
        visitor_window=site.visitor_window, visitor_by=site.visitor_by,
        hash_key=site.hash_key or "", own_domains=list(site.domains),
    )  # fmt: skip


def append_when_there_is_room(
    redis: Redis, make_entry: Callable[[], buffer.Entry], limits: buffer.BacklogLimits, reporter: ProgressReporter
) -> str:
    """Appends the entry, waiting while the queue is full; its id. Each attempt is received at its own time."""
    is_told = False
    while True:
        try:
            entry_id, must_enqueue = buffer.append(redis, make_entry(), limits)
        except Unavailable as error:
            if not is_told:
                problem = error.detail.split(";")[0]
                reporter.show_message(f"waiting for room in the queue: {problem}; is a worker running?")
            is_told = True
            _enqueue_drain()
            time.sleep(RETRY_INTERVAL_S)
        else:
            if must_enqueue:
                _enqueue_drain()
            return entry_id


def _enqueue_drain() -> None:
    try:
        queue.enqueue_drain()
    except Unavailable:
        # The events are safe in the stream; the schedule enqueues a drain.
        return


def _seconds_to_now(latest: datetime | None) -> int:
    """Whole seconds from `latest` to the present."""
    return int((clock.now() - latest).total_seconds()) if latest else 0
