"""Pseudonyms: one for each user, distinct, and the keyed hash of the user id."""

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from analytics.privacy.pseudonym import make_pseudonym

SALT = b"s" * 32


def test_a_pseudonym_equals_the_keyed_hash() -> None:
    key = hmac.new(SALT, b"user_id", hashlib.sha256).digest()
    digest = hmac.new(key, b"shop\0ann", hashlib.sha256).digest()
    assert make_pseudonym(SALT, "shop", "ann") == "#" + base64.urlsafe_b64encode(digest[:15]).decode()


def test_a_pseudonym_is_short_and_fits_a_column_line() -> None:
    pseudonym = make_pseudonym(SALT, "shop", "x" * 255)
    assert len(pseudonym) == 21
    assert set(pseudonym[1:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_another_salt_or_site_gives_another_pseudonym() -> None:
    pseudonyms = {
        make_pseudonym(SALT, "shop", "ann"),
        make_pseudonym(b"t" * 32, "shop", "ann"),
        make_pseudonym(SALT, "blog", "ann"),
    }
    assert len(pseudonyms) == 3


@given(st.lists(st.text(max_size=40), unique=True, max_size=50))
def test_unique_counts_do_not_change(user_ids: list[str]) -> None:
    assert len({make_pseudonym(SALT, "shop", user_id) for user_id in user_ids}) == len(user_ids)


@given(st.text(max_size=40))
def test_the_id_is_not_in_its_pseudonym(user_id: str) -> None:
    pseudonym = make_pseudonym(SALT, "shop", user_id)
    assert pseudonym == make_pseudonym(SALT, "shop", user_id)
    assert len(user_id) < 4 or user_id not in pseudonym
