"""One attempt of a worker at an export: it writes the parts, then the file, then hands the file to the storage.

Each part is written, synced and recorded in the job, so a killed worker loses two parts at most: the next attempt
verifies the recorded parts by size and SHA-256 and continues. run.py decides what becomes of the job.
docs/decisions/0009 says why two attempts give the same bytes.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, BinaryIO

from redis import Redis
from redis.exceptions import RedisError

from analytics import clock
from analytics.auth.keys.keys import find_lost_credential
from analytics.errors import Forbidden, TooLarge, Unavailable
from analytics.exports.formats import writers
from analytics.exports.formats.file_types import file_suffix
from analytics.exports.formats.writers import RowStream, WriteResult
from analytics.exports.jobs import states
from analytics.exports.jobs.creation import describe_too_many_rows
from analytics.exports.jobs.heartbeat import CancellableQuery, Heartbeat
from analytics.exports.jobs.job import Job, read_job
from analytics.exports.jobs.prefetch import CopyPrefetcher, PartRows
from analytics.exports.jobs.runner import Runner
from analytics.exports.jobs.states import Claim, ClaimLost
from analytics.exports.sources.export import Export, Part, resolve
from analytics.exports.sources.raw_rows import PLAN_TIMEOUT_S
from analytics.files.checksums import ChecksumWriter, compute_checksum
from analytics.files.disk import fsync_file, fsync_folder, make_private_folder
from analytics.store.backlog import read_backlog, read_complete_through
from analytics.store.copy.copy_stream import CopyReader
from analytics.store.reading import read_transaction

# The fields of a part before it is written.
PLANNED_FIELDS = ("n", "start", "end")

Manifest = list[dict[str, Any]]


def is_backlog_empty(redis: Redis) -> bool:
    """Whether a second statement may run: events that wait to be stored go first. False while Redis is unavailable."""
    try:
        return read_backlog(redis).oldest_at is None
    except RedisError:
        return False


@dataclass(slots=True)
class Attempt:
    """The work on a claimed job. The manifest is the job's list of parts, with the checksums of those written."""

    runner: Runner
    claim: Claim
    heartbeat: Heartbeat
    on_progress: Callable[[int], None]
    job: Job = field(init=False)
    export: Export = field(init=False)
    folder: Path = field(init=False)
    cutoff: datetime = field(init=False)
    manifest: Manifest = field(init=False)

    def run(self) -> None:
        """Makes the file and finishes the job. Raises ClaimLost, and any error of the export."""
        job = read_job(self.runner.engine, self.claim.job_id)
        if job is None:
            raise ClaimLost
        self.job, self.export, self.folder = job, resolve(job.parsed_request), self.runner.work_dir / job.id
        self._check_credential()
        make_private_folder(self.folder)
        self.cutoff = job.cutoff or read_complete_through(self.runner.redis, clock.now())
        # An export without rows has no parts; planning it again costs nothing.
        self.manifest = job.parts or self._plan()
        self._deliver(self._concatenate() if self.export.file_spec.is_concatenable else self._assemble())

    def _check_credential(self) -> None:
        with self.runner.engine.connect() as connection:
            reason = find_lost_credential(connection, self.job.owner, self.job.token_id, self.job.site_id)
        if reason:
            raise Forbidden(f"{reason}, with which this export was ordered; ask again with one that may export")

    def _plan(self) -> Manifest:
        with read_transaction(self.runner.engine, PLAN_TIMEOUT_S) as connection:
            parts = self.export.plan_parts(connection)
        return states.store_plan(self.runner.engine, self.claim, self.cutoff, parts)

    def _concatenate(self) -> WriteResult:
        """Writes one part after the other into the file; syncs and records each while the next one is read."""
        with self._file_path.open("wb") as file, ThreadPoolExecutor(1, "export-file") as background:
            fsync_folder(self.folder)
            sink = ChecksumWriter(file)
            writers.write_header(self.export.file_spec, sink)
            first, recording = self._copy_earlier_parts(sink, file), list[Future[None]]()
            copies = [self._open_copies(part) for part in self.manifest[first:]]
            is_second_allowed = partial(is_backlog_empty, self.runner.redis)
            with closing(CopyPrefetcher(chain.from_iterable(copies), is_second_allowed)) as prefetcher:
                for number, part_copies in enumerate(copies, first):
                    result = self._write_part(PartRows(prefetcher, len(part_copies)), prefetcher, sink)
                    file.flush()
                    self._await_recorded(recording)
                    recording.append(background.submit(self._sync_and_record, number, result, file))
            self._await_recorded(recording)
            fsync_file(file)
        return WriteResult(self._rows_done, sink.bytes, sink.sha256)

    def _open_copies(self, part: dict[str, Any]) -> list[CopyReader]:
        return self.export.open_copies(self.runner.engine, _parse_part(part), self.cutoff)

    def _copy_earlier_parts(self, sink: ChecksumWriter, file: BinaryIO) -> int:
        """Copies the verified parts from the file of an earlier attempt; returns their number.

        The rest of the manifest is reset. It copies, because a worker that was wrongly considered dead may still write
        to its own file.
        """
        earlier, copied = self._earlier_files(), 0
        if earlier:
            with earlier[0].open("rb") as source:
                source.seek(sink.bytes)
                recorded = takewhile(lambda part: "sha256" in part, self.manifest)
                copied = sink.copy_verified(source, recorded, self.heartbeat.raise_if_lost)
        self.manifest[copied:] = [{name: part[name] for name in PLANNED_FIELDS} for part in self.manifest[copied:]]
        fsync_file(file)
        for path in earlier:
            path.unlink(missing_ok=True)
        if copied:
            self._report_progress()
        return copied

    def _earlier_files(self) -> list[Path]:
        """The files of earlier attempts, largest first. Later attempts have files if this worker lost its claim."""
        paths = [path for path in self.folder.glob("whole.*") if int(path.suffix[1:]) < self.claim.attempt]
        return sorted(paths, key=lambda path: path.stat().st_size, reverse=True)

    def _sync_and_record(self, number: int, result: WriteResult, file: BinaryIO) -> None:
        os.fsync(file.fileno())
        self._record(number, result)

    def _record(self, number: int, result: WriteResult) -> None:
        self.manifest[number] = {**self.manifest[number], **result._asdict()}
        states.record_part(self.runner.engine, self.claim, self.manifest[number], self._rows_done)

    def _await_recorded(self, recording: list[Future[None]]) -> None:
        """Waits until the previous part is recorded."""
        if recording:
            recording.pop().result()
            self._report_progress()

    def _assemble(self) -> WriteResult:
        """Makes the file of parts that are stored beside it; adds each to the file while the next one is read."""
        spec, adding = self.export.file_spec, list[Future[None]]()
        with (
            self._file_path.open("w+b") as file,
            closing(writers.open_assembler(spec, file, self.heartbeat.raise_if_lost)) as assembler,
            _background_thread() as background,
        ):
            for number, part in enumerate(self.manifest):
                if not self._is_intact(part):
                    self._store_part(number)
                adding.append(background.submit(assembler.add, self._part_path(number)))
                _raise_errors(future for future in adding if future.done())
                self._report_progress()
            _raise_errors(adding)
            result = assembler.finish()
            fsync_file(file)
        return result

    def _is_intact(self, part: dict[str, Any]) -> bool:
        """Whether the stored file of the part is the one that was recorded."""
        path = self._part_path(part["n"])
        if "sha256" not in part or not path.is_file() or path.stat().st_size != part["bytes"]:
            return False
        with path.open("rb") as file:
            return compute_checksum(file, self.heartbeat.raise_if_lost).sha256 == str(part["sha256"])

    def _store_part(self, number: int) -> None:
        path, part = self._part_path(number), _parse_part(self.manifest[number])
        # Named after the attempt: a worker that was wrongly considered dead writes to another file.
        temporary = path.with_suffix(f".{self.claim.attempt}")
        with temporary.open("wb") as file:
            rows = self.export.open_rows(self.runner.engine, part, self.cutoff)
            result = self._write_part(rows, rows, ChecksumWriter(file))
            fsync_file(file)
        temporary.replace(path)
        fsync_folder(self.folder)
        self._record(number, result)

    def _write_part(self, rows: RowStream, query: CancellableQuery, sink: ChecksumWriter) -> WriteResult:
        self.heartbeat.set_query(query)
        result = writers.write_part(self.export.file_spec, rows, sink, self.heartbeat.raise_if_lost)
        self.heartbeat.set_query(None)
        return result

    def _report_progress(self) -> None:
        """Raises ClaimLost, and TooLarge for more rows or bytes than the limits."""
        self.heartbeat.raise_if_lost()
        limits, rows = self.runner.limits, self._rows_done
        self.heartbeat.rows_done = rows
        if rows > limits.max_rows:
            raise TooLarge(describe_too_many_rows(f"more than {limits.max_rows:,}", limits))
        if sum(part.get("bytes", 0) for part in self.manifest) > limits.max_bytes:
            detail = f"the file has more than {limits.max_bytes:,} bytes, the quota of all exports (EXPORT_QUOTA_BYTES)"
            raise TooLarge(f"{detail}; export a shorter period")
        self.on_progress(rows)

    @property
    def _rows_done(self) -> int:
        return sum(part.get("rows", 0) for part in self.manifest)

    def _part_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.part"

    @property
    def _file_path(self) -> Path:
        return self.folder / f"whole.{self.claim.attempt}"

    def _deliver(self, result: WriteResult) -> None:
        """Moves the file to the storage and finishes the job; deletes the file again when the claim is lost."""
        request, storage = self.export.request, self.runner.storage
        name = f"{self.job.id}{file_suffix(request.format, request.compression)}"
        storage.put(self._file_path, name, self.heartbeat.raise_if_lost)
        if storage.size(name) != result.bytes:
            raise Unavailable("the storage of exports does not hold all bytes that were written to it")
        now = clock.now()
        values = {"file": name, "bytes": result.bytes, "sha256": result.sha256, "rows_done": self._rows_done}
        try:
            states.finish(self.runner.engine, self.claim, **values, now=now, expires_at=now + self.runner.ttl)
        except ClaimLost:
            self._delete_unowned(name)
            raise

    def _delete_unowned(self, name: str) -> None:
        """Deletes the file unless another worker has the job: then it is that worker's file, with the same bytes."""
        job = read_job(self.runner.engine, self.job.id)
        if job is None or job.state == "cancelled":
            with suppress(Unavailable):
                self.runner.storage.delete(name)


@contextmanager
def _background_thread() -> Iterator[ThreadPoolExecutor]:
    """For work that releases Python's lock; work that has not started is dropped at the end."""
    pool = ThreadPoolExecutor(1, "export-file")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _raise_errors(futures: Iterable[Future[None]]) -> None:
    """Waits for the futures; raises the first error of one."""
    for future in futures:
        future.result()


def _parse_part(part: dict[str, Any]) -> Part:
    return Part(part["n"], *(datetime.fromisoformat(part[name]) for name in ("start", "end")))
