"""Measures the client: `python bench.py`. Prints events a second into it, its memory, and what asyncio feels of it.

Each part runs in a process of its own, with a server that answers everything, and with one that is away.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EVENTS = int(os.environ.get("EVENTS", "200000"))
MILLION = int(os.environ.get("MEMORY_EVENTS", "1000000"))
SPOOL_BYTES = 64_000_000
AWAY = "http://127.0.0.1:9"
PAYLOAD = {"total": 49.9, "currency": "EUR", "items": 3, "coupon": None, "page": "/checkout/done"}


def main() -> None:
    """Starts each part, and prints a line for each."""
    server = subprocess.Popen([sys.executable, __file__, "server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    try:
        for name, address, threads in (
            ("1 thread, server away", AWAY, 1),
            ("4 threads, server away", AWAY, 4),
            ("1 thread, server answers", url, 1),
        ):
            found = run("rate", address, threads)
            print(
                f"{name:<28} {found['rate']:>8,} events/s   CPU {found['cpu_us']:.1f} us an event   call p50"
                f" {found['p50']:.1f} us p99 {found['p99']:.0f} us   delivered {found['sent']:,}"
            )
        found = run("memory", AWAY, 1)
        print(
            f"memory over {MILLION:,} events, server away, spool of {SPOOL_BYTES / 1e6:.0f} MB: "
            f"{found['before_kb']:,} KB before, {found['after_kb']:,} KB after; {found['waiting']:,} kept in "
            f"{found['disk'] / 1e6:.1f} MB, {found['dropped']:,} dropped and counted, {found['rate']:,} events/s"
        )
        found = run("loop", url, 1)
        print(
            f"asyncio: {found['rate']:,} events/s; turns of the loop p50 {found['p50']:.1f} us, p99 "
            f"{found['p99']:.1f} us, p99.9 {found['p999']:.0f} us (without tracking {found['idle_p999']:.0f} us)"
        )
    finally:
        server.kill()
        server.wait()


def run(part: str, url: str, threads: int) -> dict[str, Any]:
    """The numbers of one part."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, part, url, folder, str(threads)]
        return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def measure_rate(url: str, folder: str, threads: int) -> dict[str, Any]:
    """Events a second, and the time of single calls."""
    from analytics_client import Client

    client = Client(url, "sk_bench", site="bench", spool_dir=folder, max_spool_bytes=10**9)
    each, times = EVENTS // threads, list[float]()

    def track() -> None:
        for number in range(each):
            begin = time.perf_counter()
            client.track("order", PAYLOAD, f"user-{number % 5000}")
            times.append(time.perf_counter() - begin)

    workers = [threading.Thread(target=track) for _ in range(threads)]
    begin, cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    client.close(0 if url == AWAY else 60)
    return {
        "rate": round(each * threads / seconds),
        "cpu_us": cpu / (each * threads) * 1e6,
        "sent": client.stats().sent,
        **percentiles(times),
    }


def measure_memory(url: str, folder: str, threads: int) -> dict[str, Any]:
    """Resident memory before and after many events that cannot be delivered."""
    from analytics_client import Client

    client = Client(url, "sk_bench", site="bench", spool_dir=folder, max_spool_bytes=SPOOL_BYTES)
    for number in range(1000):
        client.track("order", PAYLOAD, f"user-{number % 5000}")
    before, begin = resident_kb(), time.perf_counter()
    for number in range(MILLION):
        client.track("order", PAYLOAD, f"user-{number % 5000}")
    seconds, stats = time.perf_counter() - begin, client.stats()
    disk = sum(path.stat().st_size for path in Path(folder).iterdir())
    after = resident_kb()
    client.close(0)
    return {
        "before_kb": before,
        "after_kb": after,
        "waiting": stats.waiting,
        "dropped": stats.dropped.get("spool_full", 0),
        "disk": disk,
        "rate": round(MILLION / seconds),
    }


def measure_loop(url: str, folder: str, threads: int) -> dict[str, Any]:
    """How long turns of an event loop take in which an event is tracked."""
    import asyncio

    from analytics_client import AsyncClient

    async def turn(client: AsyncClient, count: int, is_tracking: bool) -> list[float]:
        times = []
        for number in range(count):
            begin = time.perf_counter()
            if is_tracking:
                await client.track("order", PAYLOAD, f"user-{number % 5000}")
            await asyncio.sleep(0)
            times.append(time.perf_counter() - begin)
        return times

    async def measure() -> dict[str, Any]:
        async with AsyncClient(url, "sk_bench", site="bench", spool_dir=folder) as client:
            idle = percentiles(await turn(client, EVENTS // 4, is_tracking=False))
            begin = time.perf_counter()
            times = await turn(client, EVENTS // 4, is_tracking=True)
            seconds = time.perf_counter() - begin
        return {"rate": round(len(times) / seconds), "idle_p999": idle["p999"], **percentiles(times)}

    return asyncio.run(measure())


def percentiles(times: list[float]) -> dict[str, float]:
    """In microseconds."""
    ordered = sorted(times)
    return {name: ordered[int(len(ordered) * at)] * 1e6 for name, at in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def resident_kb() -> int:
    """Resident memory of this process now, not its peak."""
    text = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS")))


def serve() -> None:
    """A server that takes everything."""
    sys.path.insert(0, str(HERE / "tests"))
    from fault_server import FaultServer

    server = FaultServer()
    # Not kept: the server's own memory and time are not measured.
    server.store = lambda events: None  # type: ignore[method-assign]
    print(server.url, flush=True)
    threading.Event().wait()


PARTS = {"rate": measure_rate, "memory": measure_memory, "loop": measure_loop}
if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "server":
        serve()
    else:
        print(json.dumps(PARTS[sys.argv[1]](sys.argv[2], sys.argv[3], int(sys.argv[4]))))
