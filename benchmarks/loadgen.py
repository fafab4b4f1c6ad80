"""A lean HTTP load generator: prebuilt requests over keep-alive connections, one epoll loop, a process of its own.

`python -m benchmarks.loadgen FILE PORT [--connections N] [--rate R]` prints one JSON line. Without a rate each
connection sends its next request when it has its answer; with one, requests leave at their appointed times and
latencies count from those, so that a stalled server cannot hide its queue. A 503 is sent again after its Retry-After.
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
    __slots__ = ("clogged", "due", "index", "received", "sent", "socket", "want")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.index, self.sent, self.want, self.due = -1, 0, 0, 0.0
        self.received, self.clogged = b"", False


class Load:
    """One run: requests waiting, requests in flight, and what came back."""

    def __init__(self, requests: list[tuple[int, bytes]], port: int, connections: int, rate: float) -> None:
        self.requests = requests
        self.rate = rate
        self.waiting = deque(range(len(requests)))
        self.later: list[tuple[float, int]] = []
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
        left = len(self.requests)
        while left:
            timeout = self._send_what_is_due()
            for fd, _ in self.poll.poll(timeout):
                connection = self.busy[fd]
                if connection.sent < len(self.requests[connection.index][1]):
                    self._push(connection)
                elif self._answered(connection):
                    left -= self._note(connection)
        return {
            "start": self.start,
            "end": time.monotonic(),
            "accepted": self.accepted,
            "statuses": dict(self.statuses),
            "latencies": self.latencies,
            "cpu_s": time.process_time(),
        }

    def _send_what_is_due(self) -> float:
        """Starts what may start; how long to wait for an answer at most."""
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self.waiting.appendleft(heapq.heappop(self.later)[1])
        while self.idle and self.waiting:
            due = self.start + self.waiting[0] / self.rate if self.rate else now
            if due > now:
                return min(due - now, 1.0)
            connection = self.idle.pop()
            connection.index, connection.sent, connection.due = self.waiting.popleft(), 0, due
            connection.received, connection.want = b"", 0
            self._push(connection)
        return max(0.0, self.later[0][0] - now) if self.later else 1.0

    def _push(self, connection: _Connection) -> None:
        request = self.requests[connection.index][1]
        try:
            while connection.sent < len(request):
                connection.sent += connection.socket.send(memoryview(request)[connection.sent :])
            if connection.clogged:
                self.poll.modify(connection.socket.fileno(), select.EPOLLIN)
            connection.clogged = False
        except BlockingIOError:
            self.poll.modify(connection.socket.fileno(), select.EPOLLOUT)
            connection.clogged = True

    def _answered(self, connection: _Connection) -> bool:
        piece = connection.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection in the middle of a run")
        connection.received += piece
        if not connection.want:
            end = connection.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            connection.want = end + 4 + int(_header(connection.received, b"content-length:") or 0)
        return len(connection.received) >= connection.want

    def _note(self, connection: _Connection) -> int:
        """1 when the request is done with, 0 when it goes out again."""
        now = time.monotonic()
        status = int(connection.received[9:12])
        self.statuses[status] += 1
        self.idle.append(connection)
        if status == 503:
            pause = float(_header(connection.received, b"retry-after:") or 1)
            heapq.heappush(self.later, (now + pause, connection.index))
            return 0
        if status >= 300:
            raise RuntimeError(connection.received.decode(errors="replace")[:2000])
        self.latencies.append(now - connection.due)
        self.accepted += self.requests[connection.index][0]
        return 1


def _header(answer: bytes, name: bytes) -> bytes:
    head = answer[: answer.find(b"\r\n\r\n")].lower()
    at = head.find(b"\r\n" + name)
    return head[at + 2 + len(name) :].split(b"\r\n")[0].strip() if at >= 0 else b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: as fast as they are answered")
    parser.add_argument("--replace", nargs=2, action="append", default=[], help="a word, and what is sent for it")
    chosen = parser.parse_args()
    load = Load(read_requests(chosen.file, chosen.replace), chosen.port, chosen.connections, chosen.rate)
    print(json.dumps(load.run()), flush=True)


if __name__ == "__main__":
    main()
