"""Seed 002 under gthread."""

from tests.contracts.test_seed_002 import *  # noqa: F403
