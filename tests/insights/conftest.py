"""Fixtures shared with the tests of reports."""

from tests.reports.conftest import report, store, whole_march

__all__ = ["report", "store", "whole_march"]
