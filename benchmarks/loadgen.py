"""A small HTTP load generator: prebuilt requests over keep-alive connections, one epoll loop in its own process.

`python -m benchmarks.loadgen FILE PORT [--connections N] [--rate R]` prints one JSON line. Without a rate each
connection sends its next request after the answer to the last one; with a rate, requests are sent at their scheduled
times and latencies count from those, so that a stalled server cannot hide its queue. A request that is answered with
503 is sent again after Retry-After.
"""

import argparse
import gc
import heapq
import json
import select
import socket
import time
from collections import Counter, deque
from pathlib import Path

from benchmarks.datagen import read_requests


class _Connection:
    __slots__ = ("answer_bytes", "due", "index", "is_blocked", "received", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.index, self.sent, self.answer_bytes, self.due = -1, 0, 0, 0.0
        self.received, self.is_blocked = b"", False


class LoadRun:
    """One run: waiting requests, requests in flight, and the answers."""

    def __init__(self, requests: list[tuple[int, bytes]], port: int, connections: int, rate: float) -> None:
        self.requests = requests
        self.rate = rate
        self.waiting = deque(range(len(requests)))
        self.retries: list[tuple[float, int]] = []
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.accepted = 0
        self.idle = [_Connection(port) for _ in range(connections)]
        self.busy = {connection.socket.fileno(): connection for connection in self.idle}
        self.poll = select.epoll()
        for fd in self.busy:
            self.poll.register(fd, select.EPOLLIN)
        self.start = 0.0

    def run(self) -> dict[str, object]:
        """Sends everything; times are CLOCK_MONOTONIC, which all processes of a machine share."""
        gc.disable()
        self.start = time.monotonic()
        remaining = len(self.requests)
        while remaining:
            timeout = self._send_due()
            for fd, _ in self.poll.poll(timeout):
                connection = self.busy[fd]
                if connection.sent < len(self.requests[connection.index][1]):
                    self._write(connection)
                elif self._read(connection):
                    remaining -= self._record(connection)
        return {
            "start": self.start,
            "end": time.monotonic(),
            "accepted": self.accepted,
            "statuses": dict(self.statuses),
            "latencies": self.latencies,
            "cpu_s": time.process_time(),
        }

    def _send_due(self) -> float:
        """Sends the requests that are due; returns how many seconds to wait for an answer at most."""
        now = time.monotonic()
        while self.retries and self.retries[0][0] <= now:
            self.waiting.appendleft(heapq.heappop(self.retries)[1])
        while self.idle and self.waiting:
            due = self.start + self.waiting[0] / self.rate if self.rate else now
            if due > now:
                return min(due - now, 1.0)
            connection = self.idle.pop()
            connection.index, connection.sent, connection.due = self.waiting.popleft(), 0, due
            connection.received, connection.answer_bytes = b"", 0
            self._write(connection)
        return max(0.0, self.retries[0][0] - now) if self.retries else 1.0

    def _write(self, connection: _Connection) -> None:
        request = self.requests[connection.index][1]
        try:
            while connection.sent < len(request):
                connection.sent += connection.socket.send(memoryview(request)[connection.sent :])
            if connection.is_blocked:
                self.poll.modify(connection.socket.fileno(), select.EPOLLIN)
            connection.is_blocked = False
        except BlockingIOError:
            self.poll.modify(connection.socket.fileno(), select.EPOLLOUT)
            connection.is_blocked = True

    def _read(self, connection: _Connection) -> bool:
        """True when the answer is complete."""
        data = connection.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection during the run")
        connection.received += data
        if not connection.answer_bytes:
            end = connection.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            connection.answer_bytes = end + 4 + int(_header(connection.received, b"content-length:") or 0)
        return len(connection.received) >= connection.answer_bytes

    def _record(self, connection: _Connection) -> int:
        """1 when the request is done, 0 when it is sent again."""
        now = time.monotonic()
        status = int(connection.received[9:12])
        self.statuses[status] += 1
        self.idle.append(connection)
        if status == 503:
            pause = float(_header(connection.received, b"retry-after:") or 1)
            heapq.heappush(self.retries, (now + pause, connection.index))
            return 0
        if status >= 300:
            raise RuntimeError(connection.received.decode(errors="replace")[:2000])
        self.latencies.append(now - connection.due)
        self.accepted += self.requests[connection.index][0]
        return 1


def _header(answer: bytes, name: bytes) -> bytes:
    head = answer[: answer.find(b"\r\n\r\n")].lower()
    start = head.find(b"\r\n" + name)
    return head[start + 2 + len(name) :].split(b"\r\n")[0].strip() if start >= 0 else b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: as fast as they are answered")
    parser.add_argument("--replace", nargs=2, action="append", default=[], help="a word, and its replacement")
    arguments = parser.parse_args()
    requests = read_requests(arguments.file, arguments.replace)
    load = LoadRun(requests, arguments.port, arguments.connections, arguments.rate)
    print(json.dumps(load.run()), flush=True)


if __name__ == "__main__":
    main()
