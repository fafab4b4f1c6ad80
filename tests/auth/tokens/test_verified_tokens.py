"""The tokens that a process remembers: how many, and how many bytes."""

import tracemalloc

import pytest

from analytics.auth.principal import Principal
from analytics.auth.tokens import verified_tokens
from analytics.auth.tokens.verified_tokens import Verified, VerifiedTokens


def make_verified(sites: int = 1) -> Verified:
    return Verified(Principal("me", frozenset({"read"}), frozenset(f"s{number}" for number in range(sites))), 1)


def test_the_oldest_tenth_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_tokens, "MAX_TOKENS", 20)
    tokens = VerifiedTokens()
    for number in range(21):
        tokens.add(str(number), make_verified())
    # Of 21 two and one.
    assert [token for token in map(str, range(21)) if tokens.find(token) is None] == ["0", "1", "2"]


def test_long_tokens_are_forgotten_before_they_take_more_than_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    # 1,000 and 8,000 for the text and 120 a site make 129,000 bytes: 7 of them fit.
    monkeypatch.setattr(verified_tokens, "MAX_BYTES", 1_000_000)
    tokens = VerifiedTokens()
    for number in range(30):
        tokens.add(f"{number:08000}", make_verified(1000))
        assert tokens.held_bytes == 129_000 * len(tokens) <= 1_000_000
    assert tokens.find(f"{29:08000}") is not None
    assert len(tokens) in (6, 7)


def test_a_token_that_is_verified_again_or_forgotten_is_counted_once() -> None:
    tokens = VerifiedTokens()
    for version in (1, 2):
        tokens.add("text", make_verified()._replace(keys_version=version))
    assert (len(tokens), tokens.held_bytes) == (1, 1124)
    tokens.forget("text")
    tokens.forget("text")
    assert (len(tokens), tokens.held_bytes) == (0, 0)


@pytest.mark.parametrize("sites", [0, 1, 1500])
def test_bytes_are_counted_as_they_are(sites: int) -> None:
    tokens = VerifiedTokens()
    tracemalloc.start()
    try:
        for number in range(100):
            tokens.add("".join(["e", "y"] * 200) + str(number), make_verified(sites))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 < taken / tokens.held_bytes < 1.2
