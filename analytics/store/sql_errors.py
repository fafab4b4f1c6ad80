"""What PostgreSQL refuses, in our own words: the drain stores it as the `detail` of a dead letter, which callers read.

Never the server's or the driver's message, which may quote row values, statements and parameters.
"""

from sqlalchemy.exc import DBAPIError

# SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
REFUSAL_CLASSES = {
    "22": "a value is outside the range or format of its column",
    "23": "a value violates a constraint of the table",
    "54": "a value exceeds a limit of PostgreSQL, such as the length of an index entry",
}


def read_sqlstate(error: Exception) -> str:
    """The five characters, '' where the server sent none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "pgcode", None) or ""


def is_refusal(error: Exception) -> bool:
    """True when the data is at fault and would be refused again, also text that cannot be sent at all (ValueError)."""
    return isinstance(error, ValueError) or read_sqlstate(error)[:2] in REFUSAL_CLASSES


def explain_refusal(error: Exception) -> str:
    """One sentence with the SQLSTATE, for an error for which `is_refusal` is true."""
    sqlstate = read_sqlstate(error)
    if not sqlstate:
        return "a text has a character that cannot be stored, such as NUL"
    return f"PostgreSQL refuses it (SQLSTATE {sqlstate}): {REFUSAL_CLASSES[sqlstate[:2]]}"
