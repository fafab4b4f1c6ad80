"""Compares an answer with the model's, field by field; a field that the model does not name is a difference too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Rounded:
    """A number that the answer gives with so many decimal places."""

    exact: Fraction
    digits: int

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool) or not isinstance(other, int | float):
            return NotImplemented
        # Half a unit of the last place, and what floats lose.
        return abs(Fraction(other) - self.exact) <= Fraction(1, 2 * 10**self.digits) + Fraction(1, 10**9)

    def __repr__(self) -> str:
        return f"{float(self.exact):.{self.digits + 2}f}"

    def __float__(self) -> float:
        return round(float(self.exact), self.digits)


@dataclass(frozen=True)
class Within:
    """A number that may be off by a part of its value."""

    value: float
    part: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and abs(other - self.value) <= self.part * abs(self.value) + 1e-9


@dataclass(frozen=True)
class Between:
    """An instant from `first` to `last`, both included."""

    first: datetime
    last: datetime

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.first <= datetime.fromisoformat(other) <= self.last


@dataclass(frozen=True)
class OneOf:
    """A row that is any of these."""

    rows: Sequence[Any]

    def __eq__(self, other: object) -> bool:
        return any(not list(differences(row, other)) for row in self.rows)


class Anything:
    """What the model does not tell, with the reason beside its use."""

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "…"


ANYTHING = Anything()
# Of `meta`: when and from where the answer was computed.
UNTOLD = {"computed_at", "complete_through", "identity", "cached", "source"}


def rounded(value: Fraction | float, digits: int = 4) -> Rounded:
    return Rounded(Fraction(value), digits)


def ratio(part: float | Fraction, whole: float | Fraction, digits: int = 4) -> Rounded | None:
    """None of nothing."""
    return Rounded(Fraction(part) / Fraction(whole), digits) if whole else None


def percent(part: float, whole: float) -> Rounded | None:
    """With two digits; None of nothing."""
    return Rounded(100 * Fraction(part) / Fraction(whole), 2) if whole else None


def differences(expected: Any, actual: Any, where: str = "") -> Iterator[str]:
    """A line for each field that differs."""
    if expected is ANYTHING:
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        untold = UNTOLD if where.endswith(".meta") else ()
        for name in [*expected, *(name for name in actual if name not in expected and name not in untold)]:
            if name not in actual:
                yield f"{where}.{name}: missing, expected {expected[name]!r}"
            elif name not in expected:
                yield f"{where}.{name}: {actual[name]!r} is not expected"
            else:
                yield from differences(expected[name], actual[name], f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{where}: {len(actual)} rows, expected {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(one, other, f"{where}[{index}]")
    elif not is_same(expected, actual):
        yield f"{where}: {actual!r}, expected {expected!r}"


def is_same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, datetime):
        return isinstance(actual, str) and datetime.fromisoformat(actual).astimezone(UTC) == expected.astimezone(UTC)
    if isinstance(expected, date):
        return bool(actual == str(expected))
    if isinstance(expected, Decimal):
        return isinstance(actual, str) and Decimal(actual) == expected
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None:
        return expected is actual
    return bool(expected == actual)
