"""Fixtures shared with the tests of reports."""

from tests.reports.conftest import report, store, whole_months

__all__ = ["report", "store", "whole_months"]
