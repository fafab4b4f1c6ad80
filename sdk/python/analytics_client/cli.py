"""`analytics-client list` and `send`: what ended processes left in a spool folder, seen and delivered.

For operators: before a machine is given up, or after the service got another address, whose files no client adopts.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import Optional

from analytics_client.client import Client
from analytics_client.spool.folder import ANY_DESTINATION, SpoolFolder, default_path
from analytics_client.stats import Rejection


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The exit code: 0 when nothing is left."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    parser = _make_parser()
    chosen = parser.parse_args(arguments)
    if chosen.folder is not None and not os.path.isdir(chosen.folder):
        parser.error(f"{chosen.folder} is no folder")
    try:
        return _list(chosen.folder) if chosen.command == "list" else _send(chosen)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="analytics-client", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    lists = commands.add_parser("list", help="spool files, their bytes of events, and whether a process owns them")
    sends = commands.add_parser("send", help="deliver the files that no process owns")
    for command in (lists, sends):
        help_text = f"the spool_dir of the clients; default: that of Client, {default_path()}".replace("%", "%%")
        command.add_argument("folder", nargs="?", help=help_text)
    sends.add_argument("--url", required=True, help="the service, for example https://analytics.example.org")
    sends.add_argument("--site", help="the site of the events")
    sends.add_argument("--key", default=os.environ.get("ANALYTICS_KEY", ""), help="default: $ANALYTICS_KEY")
    sends.add_argument("--any", action="store_true", help="also files of another url, site or key")
    sends.add_argument("--timeout", type=float, default=60.0, help="seconds, default 60")
    return parser


def _list(path: Optional[str]) -> int:
    folder = SpoolFolder(path, ANY_DESTINATION)
    files = folder.list_files()
    if not files:
        # Not on the standard output, which has one line a file.
        sys.stderr.write(f"no spool files in {folder.path}\n")
    for name, waiting_bytes, is_owned in files:
        _say(f"{name}  {waiting_bytes:>12,} bytes  {'in use' if is_owned else 'left'}")
    return 1 if files else 0


def _send(chosen: argparse.Namespace) -> int:
    destination = ANY_DESTINATION if chosen.any else None
    client = Client(
        chosen.url,
        chosen.key,
        site=chosen.site,
        spool_dir=chosen.folder,
        on_reject=_tell,
        destination=destination,
        # Looking at a file locks it for a moment, in which the client passes it over.
        adopt_s=0.2,
    )
    deadline = time.monotonic() + chosen.timeout
    while client.has_left() and client.stats().state != "held" and time.monotonic() < deadline:
        time.sleep(0.05)
    is_empty = not client.has_left()
    client.close(max(1.0, deadline - time.monotonic()))
    stats = client.stats()
    _say(f"{stats.adopted_sent} events sent, {stats.adopted_rejected} refused{'' if is_empty else ', some are left'}")
    if not is_empty and stats.reason:
        _say(stats.reason)
    return 0 if is_empty else 1


def _tell(rejection: Rejection) -> None:
    _say(f"refused: {rejection.event_id} {rejection.type}: {rejection.detail}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
