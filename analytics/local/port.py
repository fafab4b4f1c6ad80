"""The port of the web process: checks it before anything is started, and waits for one that is just being released."""

import errno
import socket
import time
from collections.abc import Callable

from analytics.local.servers.binaries import StartError


class PortInUse(StartError):
    """Another process listens there."""


def await_port(host: str, port: str, timeout_s: float, print_line: Callable[[str], None]) -> None:
    """As `check_port`, but a port in use gets `timeout_s` to become free; prints one line when it has to wait."""
    end = time.monotonic() + timeout_s
    has_announced = False
    while True:
        try:
            return check_port(host, port)
        except PortInUse:
            if time.monotonic() >= end:
                raise
        if not has_announced:
            print_line(f"waiting until processes of an earlier run release port {port}")
            has_announced = True
        time.sleep(0.05)


def check_port(host: str, port: str) -> None:
    """Raises StartError, or PortInUse, if the web server could not listen there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            # As gunicorn does: connections of a stopped server in TIME_WAIT do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
            listener.listen()
    except PermissionError as error:
        raise StartError(f"port {port} needs root: choose another, for example make run PORT=8000") from error
    except OSError as error:
        reason = f"cannot be used ({error.strerror or error})"
        kind = PortInUse if error.errno == errno.EADDRINUSE else StartError
        raise kind(f"port {port} on {host} {reason}: choose another, for example make run PORT=8001") from error
