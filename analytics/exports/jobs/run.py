"""Making an export: parts, then the file, then the storage; and what becomes of the job when something is in the way.

A part is written, synced and entered in the job, so a worker that is killed loses two parts at most: the next one
checks what is there by size and SHA-256 and goes on. tasks/exports.py calls `run_job`, and so does the shell.
docs/decisions/0009 says what makes two runs give the same bytes.
"""

import hashlib
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, BinaryIO

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from analytics import clock
from analytics.errors import AnalyticsError, TooLarge, Unavailable
from analytics.exports import formats, sources, states
from analytics.exports.ahead import Ahead, PartRows
from analytics.exports.jobs import UNFINISHED, Job, Limits, limits_of, read_job, too_many_rows
from analytics.exports.pulse import Pulse, Query
from analytics.exports.states import AWAY, Claim, Lost
from analytics.exports.storage import Storage, make_folder, storage_of, sync, sync_folder
from analytics.folders import FULL, words_of
from analytics.store.backlog import complete_through, read_backlog
from analytics.store.reading import CopyRows, reading
from config import Settings

log = logging.getLogger(__name__)

WRITE_WAITS_S = (1.0, 2.0, 4.0, 8.0)
READ_BYTES = 1 << 20
PLAN_TIMEOUT_S = 60.0
# What a part has before it is made.
PLANNED = ("n", "start", "end")


@dataclass(frozen=True, slots=True)
class Runner:
    """What a worker makes exports with."""

    engine: Engine
    redis: Redis
    storage: Storage
    work_dir: Path
    limits: Limits
    ttl: timedelta


def runner_of(settings: Settings, engine: Engine, redis: Redis) -> Runner:
    """The runner of this process."""
    storage = storage_of(settings)
    ttl = timedelta(hours=settings.export_ttl_hours)
    return Runner(engine, redis, storage, work_dir_of(settings), limits_of(settings), ttl)


def work_dir_of(settings: Settings) -> Path:
    """Beside the finished files, so that the last step is a rename; with S3 in the system's temporary folder."""
    if settings.export_work_dir:
        return Path(settings.export_work_dir)
    folder = storage_of(settings).local_folder
    return folder / ".work" if folder else Path(tempfile.gettempdir()) / f"analytics-exports-{os.getuid()}"


def _nobody(_rows_done: int) -> None:
    """Nobody watches."""


def run_job(runner: Runner, job_id: str, told: Callable[[int], None] = _nobody) -> Job | None:
    """The job as this call left it: done, failed, or queued again with an error. None: it is not ours to run, or was
    cancelled. `told` hears the rows done after each part. Raises nothing that a job can meet."""
    try:
        held = states.claim(runner.engine, job_id)
        if held is None:
            return None
        with Pulse(runner.engine, held) as pulse:
            problem = _try(runner, held, pulse, told)
        if problem is not None:
            _write_down(runner.engine, held, problem)
        return _left(runner, job_id)
    except Lost:
        log.info("export let go", extra={"job": job_id})
        with suppress(*AWAY):
            _left(runner, job_id)
    except AWAY as error:
        # The watch finds a silent heartbeat once the database is back.
        log.warning("export interrupted", extra={"job": job_id, "error": type(error).__name__})
    return None


def _left(runner: Runner, job_id: str) -> Job | None:
    """The job as it is now; its parts go unless somebody will go on with them."""
    job = read_job(runner.engine, job_id)
    if job is None or job.state not in UNFINISHED:
        shutil.rmtree(runner.work_dir / job_id, ignore_errors=True)
    return job


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why an attempt ended; `is_final`: another one would meet the same."""

    words: str
    is_final: bool

    def write(self, engine: Engine, held: Claim) -> None:
        (states.fail if self.is_final else states.give_back)(engine, held, self.words)
        log.warning("export not made", extra={"job": held.job_id, "attempt": held.attempt, "reason": self.words})


def _write_down(engine: Engine, held: Claim, problem: _Problem) -> None:
    """Also when the database comes back in a moment, as after a restart: sooner than a heartbeat is missed."""
    for wait_s in WRITE_WAITS_S:
        try:
            return problem.write(engine, held)
        except AWAY:
            time.sleep(wait_s)
    return problem.write(engine, held)


def _try(runner: Runner, held: Claim, pulse: Pulse, told: Callable[[int], None]) -> _Problem | None:
    try:
        _Attempt(runner, held, pulse, told).make()
    except Lost:
        raise
    except Exception as error:
        if pulse.is_lost:
            raise Lost from error
        return _problem_of(error)
    return None


def _problem_of(error: Exception) -> _Problem:
    """Plain words for what may come up."""
    if isinstance(error, Unavailable):
        return _Problem(error.detail, False)
    if isinstance(error, AnalyticsError):
        return _Problem(error.detail, True)
    if isinstance(error, AWAY):
        return _Problem("the database was away or refused the query", False)
    if isinstance(error, RedisError):
        return _Problem("Redis was away", False)
    if isinstance(error, OSError):
        disk = "the disk for unfinished exports is full" if error.errno in FULL else words_of(error)
        return _Problem(f"the folder of unfinished exports cannot be used: {disk}", False)
    log.exception("export failed", exc_info=error)
    return _Problem(f"an unexpected error ({type(error).__name__}); the log has its details", False)


def has_room(redis: Redis) -> bool:
    """Whether a second statement of an export may run: nothing waits to be stored, for events come before exports.

    A Redis that is away has not said so.
    """
    try:
        return read_backlog(redis).oldest_at is None
    except RedisError:
        return False


@dataclass(slots=True)
class _Attempt:
    """One worker's work on a job, from what it finds to the finished file."""

    runner: Runner
    held: Claim
    pulse: Pulse
    told: Callable[[int], None]
    job: Job = field(init=False)
    folder: Path = field(init=False)

    def make(self) -> None:
        found = read_job(self.runner.engine, self.held.job_id)
        if found is None:
            raise Lost
        self.job, self.folder = found, self.runner.work_dir / found.id
        make_folder(self.folder)
        cutoff = self.job.cutoff or complete_through(self.runner.redis, clock.now())
        # No rows, no parts: then planning again costs nothing.
        manifest = self.job.parts or self._plan(cutoff)
        joins = formats.FORMATS[found.wanted.format].joins
        self._deliver(manifest, (self._join if joins else self._assemble)(manifest, cutoff))

    def _join(self, manifest: list[dict[str, Any]], cutoff: datetime) -> formats.PartSum:
        """The whole file, each part written behind the one before; it is synced and entered while the next is read."""
        with self._whole.open("wb") as file, ThreadPoolExecutor(1, "export-file") as beside:
            sync_folder(self.folder)
            sink = formats.Summed(file)
            formats.write_header(sources.shape_of(self.job.wanted), sink)
            copied, entered = self._take_over(sink, file, manifest), list[Future[None]]()
            wanted = [self._copies(planned, cutoff) for planned in manifest[copied:]]
            with closing(Ahead(chain.from_iterable(wanted), partial(has_room, self.runner.redis))) as ahead:
                for planned, copies in zip(manifest[copied:], wanted, strict=True):
                    made = self._write_part(PartRows(ahead, len(copies)), ahead, sink)
                    file.flush()
                    self._settle(entered, manifest)
                    entered.append(beside.submit(self._enter, made, planned["n"], file, manifest))
            self._settle(entered, manifest)
            sync(file)
        return formats.PartSum(_rows(manifest), sink.bytes, sink.sha256)

    def _take_over(self, sink: formats.Summed, file: BinaryIO, manifest: list[dict[str, Any]]) -> int:
        """How many parts are there, copied from the file of an earlier attempt; the rest of the manifest is as planned.

        A copy, because a worker that was only thought dead may still write to its own.
        """
        earlier, copied = self._earlier(), 0
        if earlier:
            with earlier[0].open("rb") as source:
                source.seek(sink.bytes)
                recorded = takewhile(lambda part: "sha256" in part, manifest)
                copied = sink.copy_parts(source, recorded, self.pulse.tick)
        manifest[copied:] = [{name: part[name] for name in PLANNED} for part in manifest[copied:]]
        sync(file)
        for path in earlier:
            path.unlink(missing_ok=True)
        if copied:
            self._progress(manifest)
        return copied

    def _earlier(self) -> list[Path]:
        """The files of earlier attempts, the largest first. Not those of later ones: then this is the dead worker."""
        found = [path for path in self.folder.glob("whole.*") if int(path.suffix[1:]) < self.held.attempt]
        return sorted(found, key=lambda path: path.stat().st_size, reverse=True)

    def _enter(self, made: formats.PartSum, number: int, file: BinaryIO, manifest: list[dict[str, Any]]) -> None:
        """The part is on the disk, and in the job."""
        os.fsync(file.fileno())
        manifest[number] = {**manifest[number], **made._asdict()}
        states.record(self.runner.engine, self.held, manifest[number], _rows(manifest))

    def _settle(self, entered: list[Future[None]], manifest: list[dict[str, Any]]) -> None:
        """Waits until the part before is entered."""
        if entered:
            entered.pop().result()
            self._progress(manifest)

    def _assemble(self, manifest: list[dict[str, Any]], cutoff: datetime) -> formats.PartSum:
        """The whole file of parts that are kept; it grows by a part while the next one is read."""
        shape, added = sources.shape_of(self.job.wanted), list[Future[None]]()
        with (
            self._whole.open("w+b") as file,
            closing(formats.assembly(shape, file, self.pulse.tick)) as growing,
            _beside() as beside,
        ):
            for number, part in enumerate(manifest):
                if not self._is_there(part):
                    manifest[number] = self._make_part(part, cutoff, manifest)
                added.append(beside.submit(growing.add, self._path(part["n"])))
                _raise_of(one for one in added if one.done())
                self._progress(manifest)
            _raise_of(added)
            made = growing.finish()
            sync(file)
        return made

    def _plan(self, cutoff: datetime) -> list[dict[str, Any]]:
        with reading(self.runner.engine, PLAN_TIMEOUT_S) as connection:
            parts = sources.plan_parts(connection, self.job.wanted)
        return states.plan(self.runner.engine, self.held, cutoff, parts)

    def _progress(self, manifest: list[dict[str, Any]]) -> None:
        self.pulse.tick()
        self.pulse.rows_done = _rows(manifest)
        if self.pulse.rows_done > self.runner.limits.rows:
            raise TooLarge(too_many_rows(f"more than {self.runner.limits.rows:,}", self.runner.limits))
        most = self.runner.limits.bytes
        if sum(part.get("bytes", 0) for part in manifest) > most:
            raise TooLarge(f"the export takes more than the {most:,} bytes there are for all (EXPORT_QUOTA_BYTES)")
        self.told(self.pulse.rows_done)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.part"

    def _is_there(self, part: dict[str, Any]) -> bool:
        """Whether the part's file is the one that was entered."""
        path = self._path(part["n"])
        if "sha256" not in part or not path.is_file() or path.stat().st_size != part["bytes"]:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                self.pulse.tick()
                digest.update(piece)
        return digest.hexdigest() == str(part["sha256"])

    def _make_part(self, planned: dict[str, Any], cutoff: datetime, manifest: list[dict[str, Any]]) -> dict[str, Any]:
        path = self._path(planned["n"])
        # Named by the attempt: a worker that was only thought dead writes to a file of its own.
        passing = path.with_suffix(f".{self.held.attempt}")
        with passing.open("wb") as file:
            rows = sources.rows_of(self.runner.engine, self.job.wanted, _part(planned), cutoff)
            made = self._write_part(rows, rows, formats.Summed(file))
            sync(file)
        passing.replace(path)
        sync_folder(self.folder)
        found = {**planned, **made._asdict()}
        done = _rows(manifest) - planned.get("rows", 0) + made.rows
        states.record(self.runner.engine, self.held, found, done)
        return found

    def _copies(self, planned: dict[str, Any], cutoff: datetime) -> list[CopyRows]:
        return sources.copies_of(self.runner.engine, self.job.wanted, _part(planned), cutoff)

    def _write_part(self, rows: formats.Rows, query: Query, sink: formats.Summed) -> formats.PartSum:
        self.pulse.watch(query)
        made = formats.write_part(sources.shape_of(self.job.wanted), rows, sink, self.pulse.tick)
        self.pulse.watch(None)
        return made

    @property
    def _whole(self) -> Path:
        return self.folder / f"whole.{self.held.attempt}"

    def _deliver(self, manifest: list[dict[str, Any]], made: formats.PartSum) -> None:
        """The file, at its place. A job that is lost on the way takes its file along."""
        wanted = self.job.wanted
        name = f"{self.job.id}{formats.file_suffix(wanted.format, wanted.compression)}"
        self.runner.storage.put(self._whole, name, self.pulse.tick)
        if self.runner.storage.size(name) != made.bytes:
            raise Unavailable("the storage of exports does not hold all that was written to it")
        now = clock.now()
        found = {"file": name, "bytes": made.bytes, "sha256": made.sha256, "rows_done": _rows(manifest)}
        try:
            states.finish(self.runner.engine, self.held, **found, now=now, expires_at=now + self.runner.ttl)
        except Lost:
            self._take_back(name)
            raise

    def _take_back(self, name: str) -> None:
        """Unless another worker has the job: then the file is that one's, of the same bytes."""
        now = read_job(self.runner.engine, self.job.id)
        if now is None or now.state == "cancelled":
            with suppress(Unavailable):
                self.runner.storage.delete(name)


@contextmanager
def _beside() -> Iterator[ThreadPoolExecutor]:
    """Another thread, for what lets go of Python's lock; what still waits for it is dropped at the end."""
    pool = ThreadPoolExecutor(1, "export-file")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _raise_of(found: Iterable[Future[None]]) -> None:
    """What went wrong in those, waiting for them."""
    for one in found:
        one.result()


def _part(planned: dict[str, Any]) -> sources.Part:
    return sources.Part(planned["n"], *(datetime.fromisoformat(planned[name]) for name in ("start", "end")))


def _rows(manifest: list[dict[str, Any]]) -> int:
    return sum(part.get("rows", 0) for part in manifest)


def machine() -> str:
    """A name for this machine, safe in a file's name."""
    return "".join(char if char.isalnum() or char in "-." else "_" for char in socket.gethostname()) or "localhost"
