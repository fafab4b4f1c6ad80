"""Events of a site of 20,000 users, as complete HTTP/1.1 requests in a file that `loadgen` sends.

Each payload is 143 bytes of compact JSON; each event is unique. The same seed gives the same events except for times
and ids.
"""

import json
import random
import struct
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

USERS = 20_000
PAGES = 500
REFERRERS = 50
PAYLOAD_BYTES = 143
TYPES = ("page_view",) * 12 + ("button_click",) * 4 + ("form_submit", "search_query", "video_play", "error_occurred")
SOURCES = ("web_app", "mobile_app", "email")
# A request in the file: number of events, number of bytes, the bytes.
REQUEST_HEADER = struct.Struct("<II")


def encode_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def make_events(count: int, with_ids: bool, seed: int = 1) -> Iterator[bytes]:
    """Events as JSON, in the order of their time, spread over the last minute."""
    rng = random.Random(seed)
    start, step = datetime.now(UTC) - timedelta(minutes=1), 60 / max(count, 1)
    sessions = [f"{rng.getrandbits(64):016x}" for _ in range(USERS)]
    for number in range(count):
        user = rng.randrange(USERS)
        ts = (start + timedelta(seconds=step * number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event: dict[str, Any] = {
            "ts": ts,
            "user_id": f"user-{user}",
            "type": rng.choice(TYPES),
            "src": rng.choice(SOURCES),
            "payload": make_payload(rng, f"/products/{rng.randrange(PAGES)}", sessions[user]),
        }
        if with_ids:
            event["event_id"] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        yield encode_json(event)


def make_payload(rng: random.Random, page: str, session: str) -> dict[str, Any]:
    """A view's payload, of PAYLOAD_BYTES."""
    payload = {
        "page": page,
        "referrer": f"https://site{rng.randrange(REFERRERS)}.example/",
        "session_id": session,
        "duration_ms": rng.randrange(100, 10_000),
        "title": "",
    }
    payload["title"] = ("A page of the shop, with its name " * 3)[: PAYLOAD_BYTES - len(encode_json(payload))]
    return payload


def write_requests(
    path: Path, events: list[bytes], batch: int, target: str = "/api/analytics/ingest?site=bench", token: str = ""
) -> int:
    """Writes `events` in requests of `batch` events; returns the number of requests."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: analytics-bench/1.0\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\nContent-Length: "
    ).encode()
    with path.open("wb") as file:
        for start in range(0, len(events), batch):
            part = events[start : start + batch]
            body = b"[" + b",".join(part) + b"]"
            request = head + str(len(body)).encode() + b"\r\n\r\n" + body
            file.write(REQUEST_HEADER.pack(len(part), len(request)) + request)
    return -(-len(events) // batch)


def read_requests(path: Path, replacements: Iterable[tuple[str, str]] = ()) -> list[tuple[int, bytes]]:
    """(events, request bytes) as `write_requests` wrote them. A replacement has the length of what it replaces."""
    data, offset, requests = path.read_bytes(), 0, []
    for old, new in replacements:
        if len(old) != len(new):
            raise ValueError(f"{new!r} and {old!r} differ in length, which would falsify Content-Length")
        data = data.replace(old.encode(), new.encode())
    while offset < len(data):
        count, size = REQUEST_HEADER.unpack_from(data, offset)
        offset += REQUEST_HEADER.size
        requests.append((count, data[offset : offset + size]))
        offset += size
    return requests
