"""Seed 003 under gthread."""

from tests.contracts.test_seed_003 import *  # noqa: F403
