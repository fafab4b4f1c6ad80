"""Seed 001 under gthread."""

from tests.contracts.test_seed_001 import *  # noqa: F403
