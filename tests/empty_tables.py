"""Empties the tables of a worker's database before a test, as if they were new."""

from sqlalchemy import Connection, TextClause, text

from analytics.store.models import PARTITION_COLUMNS, metadata

# A partitioned table includes its partitions.
FILLED_TABLES = text(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in sorted(metadata.tables)))
TRUNCATED = text("""
SELECT CAST(relid AS text)
FROM unnest(CAST(:names AS text[])) AS name, pg_partition_tree(CAST(name AS regclass))
WHERE isleaf AND pg_relation_size(relid) > 0
UNION ALL
SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE pg_table_size(CAST(name AS regclass)) > :bytes
""")
# DELETE leaves its rows in the file until the next TRUNCATE.
MAX_DELETED_BYTES = 256 * 1024
# Others refer to them: TRUNCATE would need those too, with the sites nearly all.
NEVER_TRUNCATED = {"api_keys", "sites"}
# Those that belong to a column of a table, as TRUNCATE … RESTART IDENTITY.
RESTART = text("""
SELECT setval(CAST(seqrelid AS regclass), seqstart, false)
FROM pg_sequence
JOIN pg_depend ON classid = CAST('pg_class' AS regclass) AND objid = seqrelid AND deptype IN ('a', 'i')
WHERE CAST(CAST(refobjid AS regclass) AS text) = ANY (:names)
""")


def empty_tables(connection: Connection) -> None:
    """Deletes the rows of small tables: TRUNCATE, which replaces files, takes ten times as long.

    Large tables are truncated, and partitions, whose size tells the product which of them have rows. Raises
    OperationalError if the connection of another test still holds a lock after five seconds.
    """
    # Without the checks of foreign keys, and without triggers.
    connection.execute(text("SET LOCAL lock_timeout = '5s'; SET LOCAL session_replication_role = replica"))
    filled = sorted(connection.execute(FILLED_TABLES).scalars())
    if not filled:
        return
    # TRUNCATE would wait for everybody too.
    connection.execute(text(f"LOCK TABLE {', '.join(filled)} IN ACCESS EXCLUSIVE MODE"))
    found = connection.execute(TRUNCATED, {"names": filled, "bytes": MAX_DELETED_BYTES}).scalars()
    if truncated := sorted(set(found) - NEVER_TRUNCATED):
        connection.execute(text(f"TRUNCATE {', '.join(truncated)}"))
    if deleted := [name for name in filled if name not in {*truncated, *PARTITION_COLUMNS}]:
        connection.execute(delete_all(", ".join(deleted)))
    connection.execute(RESTART, {"names": filled})


def delete_all(names: str) -> TextClause:
    """`delete_all("events, users")`: empties these tables, between the examples of a test."""
    return text("; ".join(f"DELETE FROM {name}" for name in names.split(", ")))
