"""What these tests share with those of the reports."""

from tests.reports.conftest import fill, report, store, whole_march

__all__ = ["fill", "report", "store", "whole_march"]
