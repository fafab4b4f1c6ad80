"""Programs that the tests run in processes of their own: `python programs.py NAME URL FOLDER …`."""

import asyncio
import os
import signal
import sys
import time
from typing import Any

from analytics_client import AsyncClient, Client


def make(url: str, folder: str, **options: Any) -> Client:
    """A client that retries within tenths of seconds."""
    settings: dict[str, Any] = {"site": "shop", "flush_s": 0.05, "max_backoff_s": 0.1, "held_s": 0.2, "adopt_s": 0.3}
    return Client(url, os.environ.get("KEY", "sk_test"), spool_dir=folder, **{**settings, **options})


def say(*words: object) -> None:
    """One line to the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def stream(url: str, folder: str, count: str) -> None:
    """Tracks events, writes each id as soon as `track` has returned it, and waits to be killed."""
    client = make(url, folder)
    for number in range(int(count)):
        say(client.track("order", {"n": number}, f"user-{number % 100}"))
    say("end")
    time.sleep(600)


def deliver(url: str, folder: str, seconds: str) -> None:
    """A new start that tracks nothing: delivers what others left."""
    client = make(url, folder)
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline and any(name.endswith(".spool") for name in os.listdir(folder)):
        time.sleep(0.02)
    stats = client.stats()
    say(stats.adopted_sent, len([name for name in os.listdir(folder) if name.endswith(".spool")]))


def leave(url: str, folder: str, count: str) -> None:
    """Ends without closing: the exit handler delivers."""
    client = make(url, folder, flush_s=60, flush_at=10_000)
    say(*[client.track("order", {"n": number}) for number in range(int(count))])


def prefork(url: str, folder: str, workers: str, count: str) -> None:
    """As gunicorn with a preloaded application: a client of the master's, used in each worker after the fork."""
    client = make(url, folder)
    say("master", client.track("order", {"by": "master"}))
    pids = []
    for worker in range(int(workers)):
        pid = os.fork()
        if pid == 0:
            ids = [client.track("order", {"by": worker}) for _ in range(int(count))]
            sys.stdout.write("".join(f"worker {event_id}\n" for event_id in ids))
            sys.stdout.flush()
            if worker % 2:
                # A worker that is killed leaves its events to the others.
                os.kill(os.getpid(), signal.SIGKILL)
            stats = client.stats()
            assert stats.tracked == int(count), stats
            sys.exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    say("master", client.track("order", {"by": "master"}))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and len(os.listdir(folder)) > 1:
        time.sleep(0.05)
    is_closed = client.close(5)
    say("stats", client.stats().sent, is_closed)


def fork_storm(url: str, folder: str) -> None:
    """Forks while other threads track: no child may hang in a lock that nobody releases."""
    import threading

    client = make(url, folder)
    stop = threading.Event()

    def track() -> None:
        while not stop.is_set():
            client.track("order", {"by": "thread"})

    threads = [threading.Thread(target=track) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            is_tracked = client.track("order", {"by": "child"}) is not None
            os._exit(0 if is_tracked and client.close(15) else 1)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
    stop.set()
    for thread in threads:
        thread.join()
    is_closed = client.close(20)
    say(client.stats().tracked, is_closed)


def use_asyncio(url: str, folder: str, count: str) -> None:
    """Tracks in an event loop; prints the longest time in which the loop did nothing else."""

    async def main() -> None:
        worst, is_over = 0.0, False

        async def watch() -> None:
            nonlocal worst
            while not is_over:
                begin = time.perf_counter()
                await asyncio.sleep(0)
                worst = max(worst, time.perf_counter() - begin)

        async with AsyncClient(url, "sk_test", site="shop", spool_dir=folder, flush_s=0.05) as client:
            watcher = asyncio.create_task(watch())
            for number in range(int(count)):
                assert await client.track("order", {"n": number}, "ann")
                await asyncio.sleep(0)
            is_flushed = await client.flush(20)
            is_over = True
            await watcher
            say(is_flushed, client.stats().sent, round(worst * 1000, 1))

    asyncio.run(main())


def fill(url: str, folder: str, count: str, max_spool_bytes: str) -> None:
    """Tracks while the server is away; prints events a second, what was kept, and how far the memory grew."""
    import resource

    client = make(url, folder, max_spool_bytes=int(max_spool_bytes))
    for number in range(20_000):
        client.track("order", {"n": number, "text": "some words of text"}, f"user-{number % 1000}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    for number in range(int(count)):
        client.track("order", {"n": number, "text": "some words of text"}, f"user-{number % 1000}")
    seconds = time.perf_counter() - begin
    stats = client.stats()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    say(round(int(count) / seconds), stats.waiting, stats.dropped.get("spool_full", 0), grown)
    client.close(0)


PROGRAMS = {
    name: found
    for name, found in list(globals().items())
    if name in ("stream", "deliver", "leave", "prefork", "fork_storm", "use_asyncio", "fill")
}
if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
