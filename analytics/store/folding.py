"""Folded texts: what is compared and grouped without regard to case (`Google`, `google`). Pure.

Python and SQL fold alike, in every locale of the database: ASCII letters, and the letters of Latin, Greek, Cyrillic and
Armenian that have one other letter in lower case. Rollups and visits hold the folded text of these fields, events what
was sent (docs/decisions/0027).
"""

from string import ascii_lowercase, ascii_uppercase
from typing import Any

from sqlalchemy import ColumnElement, case, func

# Fields of an event that are grouped folded.
FOLDED_FIELDS = frozenset(("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"))
# Compared folded: the names of sources have one spelling (ingest/enrich/source_names.py), so grouping needs no folding.
CASELESS_FIELDS = FOLDED_FIELDS | {"source"}
_UPPER = "".join(
    letter
    for letter in map(chr, (*range(0x80, 0x588), *range(0x1E00, 0x1F00)))
    if len(letter.lower()) == 1 and letter.lower() != letter
)
_LOWER = _UPPER.lower()
_TABLE = str.maketrans(ascii_uppercase + _UPPER, ascii_lowercase + _LOWER)


def fold(text: str) -> str:
    """The text in lower case."""
    if text.isascii():
        return text.lower()
    # str.lower knows more letters than the table.
    return text.translate(_TABLE)


def fold_sql(expression: str) -> str:
    """`fold` as an SQL expression; a text of ASCII alone costs no look-up of letters."""
    ascii_folded = f'lower({expression} COLLATE "C")'
    is_ascii = f"octet_length({expression}) = char_length({expression})"
    return f"CASE WHEN {is_ascii} THEN {ascii_folded} ELSE translate({ascii_folded}, '{_UPPER}', '{_LOWER}') END"


def fold_column(column: ColumnElement[Any]) -> ColumnElement[str]:
    """`fold` of a column."""
    folded = func.lower(column.collate("C"))
    is_ascii = func.octet_length(column) == func.char_length(column)
    return case((is_ascii, folded), else_=func.translate(folded, _UPPER, _LOWER))
