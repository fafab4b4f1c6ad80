"""Seed 004 under gthread."""

from tests.contracts.test_seed_004 import *  # noqa: F403
