"""Days of a busy site, as files of requests that the load generator sends on any day and any number of times.

Visits of ten events on average, 40 s apart; 20,000 users a day, a fifth of them new; 500 pages, a tenth of them new
each day. `loadgen --replace` replaces DAY_PLACEHOLDER by the day, in times and names, and ROUND_PLACEHOLDER by the
round, so that events that are sent again belong to other visits.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.datagen import PAGES, SOURCES, TYPES, USERS, encode_json, make_payload, write_requests
from benchmarks.traffic import GAP_S, visit_length

DAY_PLACEHOLDER, ROUND_PLACEHOLDER = "2000-01-01", "turn00"
NEW_USERS, NEW_PAGES = USERS // 5, PAGES // 10
# Each file holds a quarter of a day.
FILES, EVENTS_A_FILE = 4, 400_000
DAY_S = 86_400


def write_files(folder: Path, batch: int, token: str) -> list[Path]:
    """The files, in the order of the day."""
    files = [folder / f"requests{number}" for number in range(FILES)]
    for number, file in enumerate(files):
        write_requests(file, list(_events(random.Random(number), number * DAY_S // FILES)), batch, token=token)
    return files


def day_replacements(day: date, round_number: int) -> dict[str, str]:
    """The replacements with which the load generator sends a file on that day, in that round."""
    return {DAY_PLACEHOLDER: day.isoformat(), ROUND_PLACEHOLDER: f"turn{round_number % 100:02}"}


def _events(rng: random.Random, start_s: int) -> Iterator[bytes]:
    """The events of a quarter of a day, in the order of their times."""
    midnight, views = datetime.fromisoformat(DAY_PLACEHOLDER), list[tuple[float, str, str]]()
    while len(views) < EVENTS_A_FILE:
        at, user = start_s + rng.random() * DAY_S / FILES, _user(rng)
        session = f"{DAY_PLACEHOLDER}{ROUND_PLACEHOLDER}{rng.getrandbits(32):08x}"
        for _ in range(visit_length(rng)):
            views.append((min(at, DAY_S - 0.001), user, session))
            at += rng.expovariate(1 / GAP_S)
    for at, user, session in sorted(views[:EVENTS_A_FILE]):
        yield encode_json(
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
    return f"user-{number}-{DAY_PLACEHOLDER}" if number < NEW_USERS else f"user-{number}"


def _page(rng: random.Random) -> str:
    number = rng.randrange(PAGES)
    return f"/news/{DAY_PLACEHOLDER}/{number}" if number < NEW_PAGES else f"/products/{number}"
