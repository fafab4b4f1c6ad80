"""Seed 000 under gthread."""

from tests.contracts.test_seed_000 import *  # noqa: F403
