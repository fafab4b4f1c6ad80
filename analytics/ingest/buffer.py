"""The Redis stream between accept and store: append, read through the group, claim, acknowledge, backlog.

Accept and imports append; the drain reads and acknowledges. An entry stays until the transaction that stored it has
committed. Each change of the stream and its counters is one script: a crash leaves both or neither. Errors of the Redis
client pass through.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, NamedTuple, Protocol

import msgspec
from redis import Redis
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from analytics.errors import NOT_TAKEN, Unavailable
from analytics.files.zstd import zstd
from analytics.store.backlog import BACKLOG, STREAM

GROUP, DRAIN_ENQUEUED = "drain", "analytics:ingest:bell"
# Hash: entry id → number of consumers that ended while they held it.
TAKEOVERS = "analytics:ingest:taken_over"
# Compressing a smaller body costs more than it saves.
COMPRESS_MIN_BYTES = 512
# At most one drain task is enqueued in this time, however many batches arrive.
DRAIN_ENQUEUED_TTL_MS = 500


class ScriptClient(Protocol):
    """The part of a Redis client that runs scripts."""

    def evalsha(self, *arguments: Any) -> Any: ...

    def eval(self, *arguments: Any) -> Any: ...


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One accepted batch in the stream, an array in MessagePack. New fields go to the end and have a default."""

    body: bytes
    compressed: bool
    count: int
    site_id: int
    site_key: str
    received_us: int
    # How far the caller's clock is behind ours, by `sent_at`; the drain adds it to each event's ts.
    skew_us: int
    ip: str
    user_agent: str
    principal: str
    request_id: str
    # The token's subject, where the site uses it for events without a user_id, or (override_user) for all events.
    user_id: str = ""
    override_user: bool = False
    holds_samples: bool = False
    # The caller's key of the batch, '' for none: items without an id derive theirs from it and their index as sent.
    batch_key: str = ""
    # Those indexes; empty: the items are all that was sent.
    indexes: list[int] = []
    # What ids and visitor keys derive from, where the site was renamed; '' for its key.
    hash_key: str = ""
    # The host of the batch's pages, where its envelope named one; and the site's own domains (sites/domains.py).
    domain: str = ""
    own_domains: list[str] = []
    # The site's zone and rules of visitor keys (privacy/visitor_keys.py) when the batch was accepted: a batch that is
    # stored later, or twice, has the same keys. Entries of the release before: the day is UTC's.
    zone: str = "UTC"
    visitor_window: str = "day"
    visitor_by: str = "address_and_agent"
    # The items are rows of an export, to be stored as they are. Only imports say so.
    holds_exported_rows: bool = False

    @property
    def identity_key(self) -> str:
        """What ids and visitor keys derive from: the same for every name of the site."""
        return self.hash_key or self.site_key

    @property
    def received_at(self) -> datetime:
        return datetime.fromtimestamp(self.received_us / 1e6, UTC)

    def index_as_sent(self, position: int) -> int:
        """The index in the batch as sent of the item at `position` of the body."""
        return self.indexes[position] if self.indexes else position

    def decode_body(self) -> bytes:
        """The JSON array of items. Raises zstandard.ZstdError for a damaged body."""
        return zstd.decompress(self.body) if self.compressed else self.body


class Delivery(NamedTuple):
    """An entry as the group delivers it. `entry` is None when its bytes do not decode."""

    entry_id: str
    entry: Entry | None
    raw: bytes


class BacklogLimits(NamedTuple):
    """The most that the stream may hold: events, and bytes as stored."""

    events: int
    bytes: int


class Backlog(NamedTuple):
    """Entries in the stream, those not delivered to a consumer yet, and the events in all entries."""

    entries: int
    undelivered: int
    events: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode

_APPEND = """
local backlog = redis.call('HMGET', KEYS[2], 'events', 'bytes')
local events, bytes = tonumber(backlog[1] or '0'), tonumber(backlog[2] or '0')
local count, size = tonumber(ARGV[2]), #ARGV[1]
if events + count > tonumber(ARGV[3]) or bytes + size > tonumber(ARGV[4]) then return {'full', events} end
local id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[1], 'n', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'events', count)
redis.call('HINCRBY', KEYS[2], 'bytes', size)
if redis.call('HINCRBY', KEYS[3], ARGV[5], count) == count then redis.call('EXPIRE', KEYS[3], ARGV[6]) end
local enqueue = redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[7])
return {id, enqueue and 1 or 0}
"""
# XACK comes first: a script that has written once may continue to write when memory is full.
_ACKNOWLEDGE = """
local done, bytes, events = 0, 0, 0
for _, id in ipairs(ARGV) do
  local entries = redis.call('XRANGE', KEYS[1], id, id)
  if entries[1] then
    local entry = entries[1][2]
    done, bytes, events = done + 1, bytes + #entry[2], events + tonumber(entry[4])
  end
end
redis.call('XACK', KEYS[1], 'drain', unpack(ARGV))
redis.call('HDEL', KEYS[3], unpack(ARGV))
if done > 0 then
  redis.call('XDEL', KEYS[1], unpack(ARGV))
  redis.call('HINCRBY', KEYS[2], 'bytes', -bytes)
  redis.call('HINCRBY', KEYS[2], 'events', -events)
end
return done
"""
_SHA = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (_APPEND, _ACKNOWLEDGE)}
# The received counters outlive every comparison of the audit, then expire.
RECEIVED_TTL_S = 100 * 86400


def append(
    redis: ScriptClient, entry: Entry, limits: BacklogLimits, drain_enqueued_ttl_ms: int = DRAIN_ENQUEUED_TTL_MS
) -> tuple[str, bool]:
    """The new entry's id, and whether the caller must enqueue a drain. Raises Unavailable when the backlog is full.

    One atomic step with the site's received counter of the hour, which the audit compares with the stored events. Never
    retried: a second attempt after a lost reply could append twice.
    """
    hour_us = entry.received_us - entry.received_us % 3_600_000_000
    keys = (STREAM, BACKLOG, received_key(hour_us), DRAIN_ENQUEUED)
    arguments = (
        encode_entry(entry),
        entry.count,
        limits.events,
        limits.bytes,
        entry.site_id,
        RECEIVED_TTL_S,
        drain_enqueued_ttl_ms,
    )
    try:
        entry_id, value = _run(redis, _APPEND, keys, arguments)
    except OutOfMemoryError as error:
        detail = "the event buffer is out of memory; send the batch again in 10 seconds"
        raise Unavailable(detail, 10, code=NOT_TAKEN) from error
    if entry_id == b"full":
        detail = f"{value} events are waiting to be stored; send the batch again in 10 seconds"
        raise Unavailable(detail, 10, code=NOT_TAKEN)
    return entry_id.decode(), bool(value)


def compress(body: bytes) -> tuple[bytes, bool]:
    """`(bytes, compressed)`: zstd from COMPRESS_MIN_BYTES on."""
    if len(body) < COMPRESS_MIN_BYTES:
        return body, False
    return zstd.compress(body), True


def received_key(hour_us: int) -> str:
    """Key of the hash with one UTC hour's received counters: site id → events."""
    return f"analytics:received:{hour_us // 3_600_000_000}"


def read_pending(redis: Redis, consumer: str, count: int, after: str = "0") -> list[Delivery]:
    """Entries delivered to `consumer` before and not acknowledged yet, oldest first."""
    return _read(redis, consumer, count, after, None)


def read_new(redis: Redis, consumer: str, count: int, wait_ms: int | None = None) -> list[Delivery]:
    """Entries not delivered to any consumer yet; waits up to `wait_ms` for the first."""
    return _read(redis, consumer, count, ">", wait_ms)


def _read(redis: Redis, consumer: str, count: int, after: str, wait_ms: int | None) -> list[Delivery]:
    reply: Any = _in_group(
        redis, lambda: redis.xreadgroup(GROUP, consumer, {STREAM: after}, count=count, block=wait_ms)
    )
    streams = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply or ()]
    return [_decode_delivery(*pair) for entries in streams for pair in _flatten(entries)]


def _in_group(redis: Redis, command: Callable[[], Any]) -> Any:
    """Runs `command`; creates the group first where the stream is new or was deleted by hand."""
    try:
        return command()
    except ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
    create_group(redis)
    return command()


def _flatten(entries: Any) -> Iterable[tuple[bytes, dict[bytes, bytes]]]:
    """RESP3 nests a stream's entries one level deeper than RESP2 does."""
    for item in entries:
        if isinstance(item, list):
            yield from _flatten(item)
        else:
            yield item


def claim_idle(redis: Redis, consumer: str, idle_ms: int, count: int) -> list[Delivery]:
    """Claims entries whose consumer has been silent for `idle_ms`: it is dead, or stuck."""
    reply: Any = _in_group(redis, lambda: redis.xautoclaim(STREAM, GROUP, consumer, idle_ms, count=count))
    return [_decode_delivery(*pair) for pair in reply[1] if pair[0] is not None]


def count_pending_by_consumer(redis: Redis) -> dict[str, int]:
    """Consumers that hold entries: name → how many."""
    consumers: Any = _in_group(redis, lambda: redis.xinfo_consumers(STREAM, GROUP))
    return {consumer["name"].decode(): consumer["pending"] for consumer in consumers if consumer["pending"]}


def claim_from(redis: Redis, dead_consumer: str, consumer: str, count: int) -> list[Delivery]:
    """Claims entries of a consumer that is known to be dead, whatever their idle time."""
    pending: Any = redis.xpending_range(STREAM, GROUP, "-", "+", count, consumername=dead_consumer)
    if not pending:
        return []
    reply: Any = redis.xclaim(STREAM, GROUP, consumer, 0, [message["message_id"] for message in pending])
    return [_decode_delivery(*pair) for pair in reply if pair[0] is not None]


def record_takeovers(redis: Redis, entry_ids: Sequence[str]) -> list[int]:
    """Counts one more claim of each entry from a dead consumer; the entries' counts after that."""
    pipe = redis.pipeline(transaction=False)
    for entry_id in entry_ids:
        pipe.hincrby(TAKEOVERS, entry_id, 1)
    return [int(count) for count in pipe.execute()]


def acknowledge(redis: Redis, entry_ids: Sequence[str]) -> int:
    """Removes stored entries; how many the stream still held. Safe to repeat."""
    return int(_run(redis, _ACKNOWLEDGE, (STREAM, BACKLOG, TAKEOVERS), tuple(entry_ids))) if entry_ids else 0


def create_group(redis: Redis) -> None:
    try:
        redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def find(redis: Redis, entry_id: str) -> Entry | None:
    """The entry while the stream holds it; None once it is stored, or when there never was one."""
    entries: Any = redis.xrange(STREAM, entry_id, entry_id)
    return _decode_delivery(*entries[0]).entry if entries else None


def read_range(redis: Redis, after: str, count: int) -> list[Delivery]:
    """The oldest `count` entries from `after` on: "-" for the first, "(" and an entry's id for those that follow it."""
    entries: Any = redis.xrange(STREAM, after, count=count)
    return [_decode_delivery(*pair) for pair in entries]


def count_entries(redis: Redis) -> int:
    """Batches in the stream, delivered or not."""
    length: Any = redis.xlen(STREAM)
    return int(length)


def read_backlog(redis: Redis) -> Backlog:
    """What the stream holds at the moment."""

    def read() -> Any:
        pipe = redis.pipeline(transaction=False)
        pipe.xlen(STREAM)
        pipe.xpending(STREAM, GROUP)
        pipe.hget(BACKLOG, "events")
        return pipe.execute()

    entries, pending, events = _in_group(redis, read)
    return Backlog(entries, max(0, entries - pending["pending"]), int(events or 0))


def oldest_pending_id(redis: Redis) -> str:
    """The oldest entry that was delivered and is not acknowledged yet; "": none."""
    pending: Any = _in_group(redis, lambda: redis.xpending(STREAM, GROUP))
    return (pending["min"] or b"").decode()


def delete_idle_consumers(redis: Redis, idle_ms: int) -> int:
    """Removes consumers that hold no entry and have been silent for `idle_ms`: processes that have ended."""
    consumers: Any = _in_group(redis, lambda: redis.xinfo_consumers(STREAM, GROUP))
    idle = [consumer["name"] for consumer in consumers if not consumer["pending"] and consumer["idle"] > idle_ms]
    for name in idle:
        redis.xgroup_delconsumer(STREAM, GROUP, name)
    return len(idle)


def clear_drain_enqueued(redis: Redis) -> None:
    """The next append enqueues a drain again."""
    redis.delete(DRAIN_ENQUEUED)


def _decode_delivery(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Delivery:
    raw = (fields or {}).get(b"e", b"")
    return Delivery(entry_id.decode(), decode_entry(raw), raw)


def encode_entry(entry: Entry) -> bytes:
    """The entry as `append` writes it into the stream."""
    return _encode(entry)


def decode_entry(raw: bytes) -> Entry | None:
    """The entry that `append` encoded as `raw`; None for other bytes."""
    try:
        return _decode(raw)
    except msgspec.MsgspecError:
        return None


def _run(redis: ScriptClient, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    try:
        return redis.evalsha(_SHA[script], len(keys), *keys, *arguments)
    except NoScriptError:
        # A restarted server has lost its scripts; nothing ran.
        return redis.eval(script, len(keys), *keys, *arguments)
