"""A body of one object: read off the event loop where it is large, and the key in it found."""

import asyncio
import json
from collections.abc import Callable

import pytest

from analytics.errors import TooLarge
from analytics.ingest.decoding.body import read_envelope, wrap_single_object
from analytics.ingest.decoding.rejections import MAX_ITEM_BYTES
from analytics.web.server.greenlets import GreenletPool

MANY_NAMES = json.dumps({"funnel_id": "f", **{f"n{number}": 1 for number in range(4000)}}).encode()


def order_on_loop(call: Callable[[], object]) -> list[str]:
    """What ends first: `call`, or a call that is started after it on the same loop."""
    told: list[str] = []

    async def start() -> None:
        pool = GreenletPool()
        pool.run(lambda: told.append("first" if call() else ""))
        pool.run(told.append, "second")
        while len(told) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(start())
    return told


def test_an_object_of_many_fields_leaves_the_loop_to_others() -> None:
    assert order_on_loop(lambda: wrap_single_object(MANY_NAMES)) == ["second", "first"]
    assert order_on_loop(lambda: wrap_single_object(b'{"type": "a"}')) == ["first", "second"]


def test_an_object_is_limited_before_it_is_decoded() -> None:
    body = b'{"a": "%s"}' % (b"x" * (MAX_ITEM_BYTES - 9))
    assert wrap_single_object(body)[0] == b"[" + body + b"]"
    with pytest.raises(TooLarge, match="at most 65536"):
        wrap_single_object(body + b" ")
    with pytest.raises(TooLarge):
        wrap_single_object(b"{" * (MAX_ITEM_BYTES + 1))


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        pytest.param(rb'"pk_a"', "pk_a", id="plain"),
        pytest.param(rb'"\u0070k_a"', "pk_a", id="escaped p"),
        pytest.param(rb'"\u0073\u006b\u005fa"', "sk_a", id="escaped prefix"),
        pytest.param(rb'"\u0070k_\u00e9\"\/"', 'pk_é"/', id="escaped characters"),
        pytest.param(rb'"\\u0070k_a"', None, id="an escaped backslash"),
        pytest.param(b'"pk_\xff"', None, id="not UTF-8"),
        pytest.param(rb'"gold"', None, id="a property"),
        pytest.param(rb'["pk_a"]', None, id="not text"),
        pytest.param(rb"5", None, id="a number"),
    ],
)
@pytest.mark.parametrize("name", [b"key", rb"\u006bey"])
def test_a_key_is_recognised_however_it_is_escaped(sent: bytes, key: str | None, name: bytes) -> None:
    body = b'{"type": "a", "%s": %s}' % (name, sent)
    items, envelope = wrap_single_object(body)
    assert (envelope.credential, items) == (key, b"[" + body + b"]")


@pytest.mark.parametrize("name", ["sent_at", "sentAt", "batch_id", "batchId", "key", "token"])
def test_a_long_field_of_an_envelope_is_not_decoded(name: str) -> None:
    body = b'{"events": [], "%s": [%s]}' % (name.encode(), b",".join([b"{}"] * 1_000_000))
    envelope = read_envelope(body)
    assert (envelope.credential, envelope.read_first(name)) == (None, ("[" + "{}," * 34)[:100])


def test_fields_of_an_envelope_are_decoded() -> None:
    envelope = read_envelope(
        b'{"events": [], "batch_id": null, "batchId": "b", "sent_at": "2026-01-31T12:00:00Z", "key": "pk_1"}'
    )
    assert envelope.read_first("batch_id", "batchId") == "b"
    assert envelope.read_first("sent_at", "sentAt") == "2026-01-31T12:00:00Z"
    assert envelope.credential == "pk_1"
