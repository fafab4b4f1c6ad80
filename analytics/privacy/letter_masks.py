"""Masks addresses in dead letters older than ANONYMIZE_IPS_AFTER_DAYS, as ip_masks.py does in events.

A step of retention.py. A letter holds an entry of the stream, whose fields are found by their places here:
ingest/buffer.py, which writes it, is above this folder, and adds fields at the end only. What nobody can decode stays
until DEAD_LETTER_RETENTION_DAYS.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import msgspec
import zstandard
from sqlalchemy import Connection, func, select, update

from analytics.files.zstd import zstd
from analytics.privacy.steps import RetentionJob, Step, StepKind, StepUnfinished, catch_lock_errors
from analytics.store.models import dead_letters
from analytics.web.ip_addresses import normalize_address

# Places in an entry, and of the address in a COPY line of 0.1.0, which has that many columns.
BODY, IS_COMPRESSED, IP, HOLDS_SAMPLES = 0, 1, 7, 13
LINE_IP, LINE_COLUMNS = 21, 26
IPV4_BITS, IPV6_BITS = 24, 48
# Bodies of at most a megabyte each.
CHUNK_LETTERS = 50
_split_events = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_encode_json, _encode_entry = msgspec.json.Encoder().encode, msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(list[Any]).decode


def find(job: RetentionJob, planned: Sequence[Step]) -> list[Step]:
    """One step, for the letters that were received before the cutoff."""
    days = job.settings.anonymize_ips_after_days
    before = job.now - timedelta(days=days)
    return [Step("mask", "dead_letters", "IPs of dead letters", f"ANONYMIZE_IPS_AFTER_DAYS={days}", before)]


def measure(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    """Without the letters that an earlier step deletes."""
    expired = [other.before for other in planned if other.table == "dead_letters" and other.action == "delete"]
    kept = [dead_letters.c.dead_lettered_at >= before for before in expired]
    due = select(func.count()).select_from(dead_letters).where(*_due(step), *kept)
    return replace(step, rows=connection.scalar(due) or 0)


def mask(job: RetentionJob, step: Step) -> int:
    """In the order of the ids, a chunk a transaction. Skips letters that are being retried: the next run masks them."""
    after, rows = 0, 0
    while True:
        with catch_lock_errors(rows), job.engine.begin() as connection:
            ids = _mask_chunk(connection, step, after)
        if not ids:
            return rows
        after, rows = ids[-1], rows + len(ids)
        if job.is_past_deadline():
            raise StepUnfinished("the time budget is used up; the next run continues", rows)


def _due(step: Step) -> list[Any]:
    return [dead_letters.c.received_at < step.before, dead_letters.c.ips_masked.is_(False)]


def _mask_chunk(connection: Connection, step: Step, after: int) -> list[int]:
    """The ids of the letters that it has masked, the next ones after that id."""
    due = select(dead_letters.c.id, dead_letters.c.body).where(*_due(step), dead_letters.c.id > after)
    chunk = due.order_by(dead_letters.c.id).limit(CHUNK_LETTERS).with_for_update(skip_locked=True)
    letters = connection.execute(chunk).all()
    for letter in letters:
        values = {"body": mask_addresses(bytes(letter.body)), "ips_masked": True}
        connection.execute(update(dead_letters).where(dead_letters.c.id == letter.id).values(values))
    return [letter.id for letter in letters]


def mask_addresses(body: bytes) -> bytes:
    """The body with networks in place of its addresses. Bytes that hold no entry and no line are returned."""
    try:
        entry = _decode_entry(body)
    except msgspec.MsgspecError:
        return _mask_line(body)
    if len(entry) <= IP or not isinstance(entry[IP], str) or not isinstance(entry[BODY], bytes):
        return body
    entry[IP] = mask_address(entry[IP])
    if not any(entry[HOLDS_SAMPLES : HOLDS_SAMPLES + 1]):
        entry[BODY] = _mask_events(entry[BODY], entry[IS_COMPRESSED])
    return _encode_entry(entry)


def _mask_events(body: bytes, is_compressed: bool) -> bytes:
    """The JSON array of events; every other field keeps its bytes."""
    try:
        events = _split_events(zstd.decompress(body) if is_compressed else body)
    except (msgspec.MsgspecError, zstandard.ZstdError, UnicodeDecodeError):
        return body
    if not any("ip" in event for event in events):
        return body
    for event in events:
        if "ip" in event:
            address = msgspec.json.decode(event["ip"])
            event["ip"] = msgspec.Raw(_encode_json(mask_address(address) if isinstance(address, str) else None))
    masked = _encode_json(events)
    return zstd.compress(masked) if is_compressed else masked


def _mask_line(body: bytes) -> bytes:
    columns = body.split(b"\t")
    if len(columns) != LINE_COLUMNS:
        return body
    columns[LINE_IP] = mask_address(columns[LINE_IP].decode(errors="replace")).encode() or rb"\N"
    return b"\t".join(columns)


def mask_address(address: str) -> str:
    """The network of the address: of IPv4 24 bits, of IPv6 48. '' for text that is no address."""
    if not (normalized := normalize_address(address)):
        return ""
    bits = IPV6_BITS if ":" in normalized else IPV4_BITS
    return str(ip_network(f"{normalized}/{bits}", strict=False).network_address)


LETTER_MASKS = StepKind(find, measure, mask)
