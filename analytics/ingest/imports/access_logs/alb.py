"""Access logs of AWS Application Load Balancers. Pure.

Source: Elastic Load Balancing, "Access log entries". The target is absolute, so that every page has its host; there is
no referrer. New fields are added at the end of a line.
"""

import re

from analytics.ingest.imports.access_logs.clients import find_host, read_host
from analytics.ingest.imports.access_logs.entry import LogEntry
from analytics.ingest.imports.access_logs.texts import parse_time, read_number, split_request, unescape, value_or_none
from analytics.ingest.imports.records import UnreadableRecord

_QUOTED = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
# type, time, balancer, client, target, three durations, status, target's status, bytes received, bytes sent.
_LINE = re.compile(
    rb"(?:https?|h2|grpcs|wss?) (?P<time>[^ ]{1,64}) [^ ]++ (?P<client>[^ ]{1,64}) [^ ]++(?: [\d.-]{1,20}){3}"
    rb" (?P<status>\d{3}|-) [^ ]++ \d{1,18} (?P<size>\d{1,18})"
    rb' "(?P<request>' + _QUOTED + rb')" "(?P<agent>' + _QUOTED + rb')"'
    rb'(?: [^ "]++ [^ "]++ [^ "]++ "[^"]*+" "(?P<vhost>[^"]*+)")?(?= |$)',
    re.DOTALL,
)  # fmt: skip


def read_alb(line: bytes) -> LogEntry:
    """A line of a load balancer's log. Raises UnreadableRecord."""
    match = _LINE.match(line.rstrip())
    if match is None:
        raise UnreadableRecord("the line is not an access log entry of an Application Load Balancer")
    method, target, protocol, odd_request = split_request(unescape(match["request"]))
    return LogEntry(
        ts=parse_time(match["time"].decode("latin-1")), host=read_host(match["client"].decode("latin-1")), user=None,
        method=method, target=target, protocol=protocol, odd_request=odd_request,
        status=read_number(match["status"]), size=read_number(match["size"]),
        agent=value_or_none(unescape(match["agent"])), vhost=find_host(unescape(match["vhost"] or b"")),
    )  # fmt: skip
