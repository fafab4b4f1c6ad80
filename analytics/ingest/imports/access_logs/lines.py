r"""The family of Apache's and nginx's formats: common, combined, vhost_combined, and that of the nginx ingress. Pure.

formats.py gives them their names. Each line is `HEAD [TIME] "REQUEST" STATUS SIZE`, in the combined formats with
`"REFERRER" "AGENT"`; other fields may follow, or stand before the referrer. The head is `[vhost] host ident user`. An
X-Forwarded-For list may stand in front of the host or in its place, in quotes or not, or in quotes after the agent (the
`main` format of nginx's packages); then it tells the client. A syslog prefix is skipped.

A line whose last quote is not closed is rejected: it is half a line, and the grown log will have all of it. All
patterns take linear time: what repeats is possessive, or ends at a character that it cannot hold.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from analytics.ingest.imports.access_logs.clients import (
    find_forwarded,
    find_likely_forwarded,
    is_address,
    is_host,
    read_host,
    read_user,
)
from analytics.ingest.imports.access_logs.entry import LogEntry
from analytics.ingest.imports.access_logs.texts import (
    MAX_CACHED_CHARACTERS,
    TIME_EXAMPLE,
    parse_time,
    split_request,
    unescape,
    value_or_none,
)
from analytics.ingest.imports.records import UnreadableRecord

_QUOTED = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
# A word of the head: in quotes, an address in brackets, or bare. The time's bracket is none of these.
_WORD = rb'(?:"' + _QUOTED + rb'"|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?,?|[^"\[ ]++)'
_START = rb"(?P<head>(?:" + _WORD + rb" ++){1,64})\[(?P<time>[^\]]{1,64})\] ++"
_NUMBERS = rb" ++(?P<status>\d{3}|-) ++(?P<size>\d{1,18}|-)(?= |$)"
_LINE = re.compile(_START + rb'"(?P<request>' + _QUOTED + rb')"' + _NUMBERS, re.DOTALL)
# Of a server that does not escape quotes.
_BARE_LINE = re.compile(_START + rb'"(?P<request>.*?)"' + _NUMBERS, re.DOTALL)
_AGENT = re.compile(rb'(?: ++[^" ]++)*+ ++"(' + _QUOTED + rb')" "(' + _QUOTED + rb')"(?= |$)', re.DOTALL)
_NEXT_QUOTED = re.compile(rb' "(' + _QUOTED + rb')"(?= |$)', re.DOTALL)
_UNQUOTED = re.compile(rb'(?: ++[^" ]++)*+')
# After the agent: request length, request time, [upstream].
_INGRESS_END = re.compile(rb"(?: [\d.]+){2} \[[^\]]*\]")
# The client once more, in older versions: "192.0.2.1 - [192.0.2.1] - user".
_INGRESS_CLIENT = re.compile(rb" - \[[^\]]{2,60}\](?= - )")
_HEAD_WORD = re.compile(_WORD, re.DOTALL)
_ISO = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
# RFC 5424; RFC 3164 ("Nov 20 08:34:01 web1 nginx[812]: "), also with an ISO time (rsyslog), without host or priority.
_SYSLOG = re.compile(
    rb"<\d{1,3}>1 " + _ISO + rb" [^ ]{1,255} [^ ]{1,48} [^ ]{1,128} [^ ]{1,32} (?:-|\[[^\]]{0,1024}\]) "
    rb"|(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|" + _ISO + rb") (?:[^ ]{1,255} )?"
    rb"[^ :\[]{1,128}(?:\[[^\] ]{1,64}\])?: ++"
)


class _Head(NamedTuple):
    host: str | None
    user: str | None
    vhost: str | None


def read_common(line: bytes, has_vhost: bool = False) -> LogEntry:
    """A line of the common format. Raises UnreadableRecord."""
    fields, end = _match_line(line)
    if b'"' in end:
        raise UnreadableRecord(_explain(line, "there are more fields in quotes; accepted: --format combined"))
    return _make_entry(fields, _read_head(fields["head"], has_vhost), None, None)


def read_combined(line: bytes, has_vhost: bool = False, is_ingress: bool = False) -> LogEntry:
    """A line of the combined format. Raises UnreadableRecord."""
    fields, end = _match_line(line)
    referrer, agent, rest = _read_agent(line, end)
    if is_ingress and not _INGRESS_END.match(rest):
        raise UnreadableRecord("after the user agent there must be request length, request time and [upstream]")
    head = _read_head(fields["head"], has_vhost, is_ingress)
    if rest and (forwarded := _find_last_forwarded(rest)):
        head = head._replace(host=forwarded)
    return _make_entry(fields, head, referrer, agent)


def _make_entry(fields: dict[str, bytes], head: _Head, referrer: bytes | None, agent: bytes | None) -> LogEntry:
    method, target, protocol, odd_request = split_request(unescape(fields["request"]))
    return LogEntry(
        ts=parse_time(fields["time"].decode("latin-1")), host=head.host, user=head.user, vhost=head.vhost,
        method=method, target=target, protocol=protocol, odd_request=odd_request,
        status=None if fields["status"] == b"-" else int(fields["status"]),
        size=None if fields["size"] == b"-" else int(fields["size"]),
        referrer=value_or_none(unescape(referrer)) if referrer else None,
        agent=value_or_none(unescape(agent)) if agent else None,
    )  # fmt: skip


def _match_line(line: bytes) -> tuple[dict[str, bytes], bytes]:
    """The fields up to the size, and what follows."""
    line = line.rstrip()
    if prefix := _SYSLOG.match(line):
        line = line[prefix.end() :]
    match = _LINE.match(line) or _BARE_LINE.match(line)
    if match is None:
        raise UnreadableRecord(_explain(line, "the line is not in this format; accepted: another --format"))
    return match.groupdict(), line[match.end() :]


def _read_agent(line: bytes, end: bytes) -> tuple[bytes, bytes, bytes]:
    """Referrer, agent and what follows them."""
    if match := _AGENT.match(end):
        following = _NEXT_QUOTED.match(end, match.end()) if match.end() < len(end) else None
        if following and _is_extra_field(match[1], match[2], following[1]):
            return match[2], following[1], end[following.end() :]
        return match[1], match[2], end[match.end() :]
    # Of a server that does not escape quotes; split without a pattern.
    rest = _UNQUOTED.sub(b"", end, count=1)
    referrer, separator, agent = rest[2:-1].partition(b'" "')
    if not (rest.startswith(b' "') and separator and rest.endswith(b'"')):
        problem = "there are no referrer and user agent in quotes; accepted: --format common"
        raise UnreadableRecord(_explain(line, problem))
    return referrer, agent, b""


def _is_extra_field(first: bytes, second: bytes, third: bytes) -> bool:
    """Whether of three fields in quotes the last two are referrer and agent, as in `"$host" "referrer" "agent"`."""
    is_shifted = _is_referrer(second) and not _is_referrer(first)
    return is_shifted and third not in (b"", b"-") and find_likely_forwarded(third.decode("latin-1")) is None


def _is_referrer(text: bytes) -> bool:
    return text in (b"", b"-") or text.startswith((b"http://", b"https://"))


def _find_last_forwarded(rest: bytes) -> str | None:
    """The client of the X-Forwarded-For list in quotes directly after the agent."""
    following = _NEXT_QUOTED.match(rest)
    return find_likely_forwarded(following[1].decode("latin-1")) if following else None


def _read_head(head: bytes, has_vhost: bool, is_ingress: bool = False) -> _Head:
    if is_ingress:
        head = _INGRESS_CLIENT.sub(b"", head, count=1)
    return _read_head_cached(head, has_vhost) if len(head) <= MAX_CACHED_CHARACTERS else _split_head(head, has_vhost)


def _split_head(head: bytes, has_vhost: bool) -> _Head:
    words = [word.decode("utf-8", "backslashreplace") for word in _HEAD_WORD.findall(head)]
    if len(words) < 3 + has_vhost:
        names = "virtual host, host, ident and user" if has_vhost else "host, ident and user"
        raise UnreadableRecord(f'before the time there must be {names}, for example "192.0.2.1 - - [...]"')
    *words, ident, user = words
    read_user(ident)
    user_name = read_user(unescape(user.encode()))
    if not has_vhost:
        return _Head(_read_client(words), user_name, None)
    vhost, *words = words
    if not is_host(vhost) or words == ["-"]:
        raise UnreadableRecord(
            "before the ident there must be virtual host and host, for example shop.example:443 192.0.2.1"
        )
    return _Head(_read_client(words), user_name, read_host(vhost))


_read_head_cached = lru_cache(maxsize=16_384)(_split_head)


def _read_client(words: list[str]) -> str | None:
    """The client of `host`, `forwarded host`, or a forwarded list in place of the host."""
    forwarded, others = words[0], words[1:]
    if forwarded.startswith('"'):
        forwarded = forwarded[1:-1]
    elif "," in forwarded:
        while forwarded.endswith(",") and others:
            forwarded += others.pop(0)
    elif not others:
        return read_host(forwarded)
    elif forwarded != "-" and not is_address(forwarded):
        raise UnreadableRecord("before the host there is another name; accepted: it in --format vhost_combined")
    if len(others) > 1 or others == ["-"]:
        raise UnreadableRecord("before the time there are other words than host, ident and user")
    return find_forwarded(forwarded) or (read_host(others[0]) if others else None)


def _explain(line: bytes, otherwise: str) -> str:
    if b" [" not in line:
        return f"there is no [time]; accepted, for example: [{TIME_EXAMPLE}]"
    if len(re.findall(rb'(?<!\\)"', line)) % 2:
        return "a quote is not closed; the line is cut off"
    if b'] "' not in line:
        return 'there is no "request" after the time; accepted, for example: "GET / HTTP/1.1"'
    return otherwise
