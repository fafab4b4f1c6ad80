"""The fixtures of the tests of reports, which store events."""

from tests.reports.conftest import fill, store, whole_months

__all__ = ["fill", "store", "whole_months"]
