"""Ports for servers under test."""

import random
import socket


def free_port() -> int:
    """A port that no process listens on, below the ephemeral ports of the kernel."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)):
                return port
