"""Days of a busy site, as files of requests that the load generator sends on any day and any number of times.

Visits of ten events on average, 40 s apart; 20,000 people a day, a fifth of them new, and 500 pages, a tenth of them
the day's own. The files say WRITTEN_DAY where `loadgen --replace` puts the day, in times as in names, and WRITTEN_TURN
where it puts what makes visits of their own of the same events sent again.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.datagen import PAGES, SOURCES, TYPES, USERS, compact, make_payload, write_requests
from benchmarks.traffic import GAP_S, visit_length

WRITTEN_DAY, WRITTEN_TURN = "2000-01-01", "turn00"
NEW_USERS, NEW_PAGES = USERS // 5, PAGES // 10
# Each holds a quarter of a day.
FILES, EVENTS_A_FILE = 4, 400_000
DAY_S = 86_400


def write_files(folder: Path, batch: int, token: str) -> list[Path]:
    """The files, in the order of the day."""
    files = [folder / f"requests{number}" for number in range(FILES)]
    for number, file in enumerate(files):
        write_requests(file, list(_events(random.Random(number), number * DAY_S // FILES)), batch, token=token)
    return files


def replaced(day: date, turn: int) -> dict[str, str]:
    """What the load generator replaces to send a file on that day, for the so many-th time."""
    return {WRITTEN_DAY: day.isoformat(), WRITTEN_TURN: f"turn{turn % 100:02}"}


def _events(rng: random.Random, start_s: int) -> Iterator[bytes]:
    """The events of a quarter of a day, in the order of their times."""
    midnight, views = datetime.fromisoformat(WRITTEN_DAY), list[tuple[float, str, str]]()
    while len(views) < EVENTS_A_FILE:
        at, user = start_s + rng.random() * DAY_S / FILES, _user(rng)
        session = f"{WRITTEN_DAY}{WRITTEN_TURN}{rng.getrandbits(32):08x}"
        for _ in range(visit_length(rng)):
            views.append((min(at, DAY_S - 0.001), user, session))
            at += rng.expovariate(1 / GAP_S)
    for at, user, session in sorted(views[:EVENTS_A_FILE]):
        yield compact(
            {
                "ts": (midnight + timedelta(seconds=at)).isoformat(timespec="milliseconds") + "Z",
                "user_id": user,
                "type": rng.choice(TYPES),
                "src": rng.choice(SOURCES),
                "payload": make_payload(rng, _page(rng), session),
            }
        )


def _user(rng: random.Random) -> str:
    number = rng.randrange(USERS)
    return f"user-{number}-{WRITTEN_DAY}" if number < NEW_USERS else f"user-{number}"


def _page(rng: random.Random) -> str:
    number = rng.randrange(PAGES)
    return f"/news/{WRITTEN_DAY}/{number}" if number < NEW_PAGES else f"/products/{number}"
