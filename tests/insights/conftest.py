"""Fixtures shared with the tests of reports."""

from tests.reports.conftest import at_noon, report, store, whole_months

__all__ = ["at_noon", "report", "store", "whole_months"]
