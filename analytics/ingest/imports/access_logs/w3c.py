"""Access logs in the W3C extended format, as IIS and AWS CloudFront write it: `#Fields:` names the columns. Pure.

Sources: W3C, "Extended Log File Format"; IIS, "W3C Extended Log File Format"; CloudFront, "Standard logging reference".
Lines that begin with # are no requests. Another `#Fields:` line may follow in the same file. Times are UTC.
"""

from collections.abc import Iterator
from urllib.parse import unquote

from analytics.ingest.imports.access_logs.clients import find_forwarded, find_host, read_host, read_user
from analytics.ingest.imports.access_logs.entry import LogEntry
from analytics.ingest.imports.access_logs.texts import (
    join_request,
    make_storable,
    parse_time,
    read_number,
    value_or_none,
)
from analytics.ingest.imports.records import LineReader, Record, UnreadableRecord, read_line_records

_NEEDED = ("date", "time", "c-ip", "cs-method", "cs-uri-stem", "sc-status")


def read_w3c_records(lines: LineReader, separator: str) -> Iterator[Record]:
    """Each line is a record with a cell for each column, in lower case; a line that begins with # is a blank one."""
    names: list[str] = []
    day = ""
    for record in read_line_records(lines):
        if record.text.startswith(b"#"):
            directive, _, value = record.text.decode("utf-8", "backslashreplace").partition(":")
            if directive == "#Fields":
                names = value.lower().split()
            elif directive == "#Date":
                day = value.strip().partition(" ")[0]
            yield record._replace(text=b"")
        elif record.problem or not record.text.strip():
            yield record
        else:
            yield _split(record, names, separator, day)


def _split(record: Record, names: list[str], separator: str, day: str) -> Record:
    values = record.text.decode("utf-8", "backslashreplace").rstrip().split(separator)
    if not names:
        return record._replace(problem="there is no #Fields line before it; accepted: a log with its header")
    if len(values) != len(names):
        return record._replace(problem=f"the line has {len(values)} fields; accepted: {len(names)}, as #Fields names")
    # IIS can leave the day to the line #Date.
    return record._replace(cells={"date": day, **dict(zip(names, values, strict=True))})


def read_iis(record: Record) -> LogEntry:
    """A line of IIS, which writes `+` for a blank. Raises UnreadableRecord."""
    cells = record.cells or {}
    return _make_entry(
        cells,
        referrer=cells.get("cs(referer)", ""),
        agent=cells.get("cs(user-agent)", "").replace("+", " "),
        forwarded=cells.get("x-forwarded-for", "").replace("+", " "),
        protocol=cells.get("cs-version", ""),
        vhost=cells.get("cs-host", ""),
    )


def read_cloudfront(record: Record) -> LogEntry:
    """A line of CloudFront, which percent-encodes headers, the user agent sometimes twice. Raises UnreadableRecord."""
    cells = record.cells or {}
    agent = unquote(cells.get("cs(user-agent)", ""), errors="backslashreplace")
    return _make_entry(
        cells,
        referrer=cells.get("cs(referer)", ""),
        agent=unquote(agent, errors="backslashreplace") if "%20" in agent else agent,
        forwarded=unquote(cells.get("x-forwarded-for", "")),
        protocol=cells.get("cs-protocol-version", ""),
        # The name in the viewer's request; cs(Host) is the distribution's own.
        vhost=cells.get("x-host-header", ""),
    )


def _make_entry(
    cells: dict[str, str], referrer: str, agent: str, forwarded: str, protocol: str, vhost: str
) -> LogEntry:
    if missing := [name for name in _NEEDED if not cells.get(name)]:
        raise UnreadableRecord(f"#Fields does not name {missing[0]}; accepted: {', '.join(_NEEDED)} and others")
    path, query = cells["cs-uri-stem"], value_or_none(cells.get("cs-uri-query", ""))
    target = make_storable(f"{path}?{query}" if query else path)
    method, target_or_none, protocol_or_none, odd_request = join_request(
        make_storable(cells["cs-method"]), target, make_storable(protocol)
    )
    return LogEntry(
        ts=parse_time(f"{cells['date']}T{cells['time']}+00:00"),
        host=find_forwarded(forwarded) or read_host(cells["c-ip"]),
        user=read_user(make_storable(cells.get("cs-username", ""))),
        method=method, target=target_or_none, protocol=protocol_or_none, odd_request=odd_request,
        status=read_number(cells["sc-status"]), size=read_number(cells.get("sc-bytes", "")),
        referrer=value_or_none(make_storable(referrer)), agent=value_or_none(make_storable(agent)),
        vhost=find_host(vhost),
    )  # fmt: skip
