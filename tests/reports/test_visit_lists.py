"""Lists of visits against a slow count in Python over the stored events: at once, merged, with unions, rebuilt, moved."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.audit.run import run_audit
from analytics.rollups import merge
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.closing.unions import build_site_unions
from analytics.rollups.merge import merge_site
from analytics.rollups.rebuild import rebuild_days
from analytics.rollups.snapshot.snapshot import open_snapshot
from analytics.rollups.snapshot.visit_lists import (
    READ_USERS,
    VisitDays,
    VisitRow,
    read_visit_lists,
    read_visit_sums_of_values,
    read_visit_values,
)
from analytics.rollups.visit_recount import FIND_LATEST_DAYS, recount_latest_days, recount_unknown_visitors
from analytics.rollups.visits.sums import LIST_DIMENSIONS, VisitSums
from analytics.sites.sites import Site, read_site_by_id
from analytics.store.planner import force_index_lookups
from tasks import rollups as tasks
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import BOT, ZONES, local_day

START = datetime(2026, 3, 27, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
GAP = timedelta(minutes=30)
PLACES = [("", "", ""), ("DE", "", ""), ("DE", "Bavaria", "Munich"), ("US", "", "Munich")]


class Event(NamedTuple):
    ts: datetime
    user_no: int
    session: str
    is_bot: bool
    fields: dict[str, str]

    def value(self, dimension: str) -> str:
        country, region, city = (self.fields[name] for name in ("country", "region", "city"))
        if dimension == "region":
            return f"{country}/{region}" if region else ""
        if dimension == "city":
            return f"{country}/{region}/{city}" if city else ""
        return self.fields[dimension]


FIELDS = (
    *("path", "source", "channel", "referrer", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)


def stored(sql: Any, site_id: int) -> list[Event]:
    columns = ", ".join(f"coalesce({name}, '')" for name in FIELDS)
    query = f"SELECT ts, user_no, coalesce(session_id, ''), is_bot, {columns} FROM events"
    rows = sql(f"{query} WHERE site_id = :site_id AND type = 'page_view' ORDER BY ts", site_id=site_id)
    return [Event(*row[:4], dict(zip(FIELDS, row[4:], strict=True))) for row in rows]


def slow_visits(events: list[Event]) -> Iterator[list[Event]]:
    runs: dict[Any, list[list[Event]]] = defaultdict(list)
    for event in events:
        of_key = runs[event.user_no, event.session, event.is_bot]
        if not of_key or event.ts - of_key[-1][-1].ts > GAP:
            of_key.append([])
        of_key[-1].append(event)
    return (run for of_key in runs.values() for run in of_key)


def slow_lists(events: list[Event], zone: str, days: VisitDays) -> dict[str, list[VisitRow]]:
    visits = [
        run
        for run in slow_visits(events)
        if days.first <= local_day(run[0].ts, ZoneInfo(zone)) < days.after and (days.bots or not run[0].is_bot)
    ]
    lists = {}
    for dimension in LIST_DIMENSIONS:
        by_value = defaultdict[str, list[list[Event]]](list)
        for run in visits:
            page = {"entry_path": run[0].fields["path"], "exit_path": run[-1].fields["path"]}
            by_value[page[dimension] if dimension in page else run[0].value(dimension)].append(run)
        rows = [
            VisitRow(
                value,
                VisitSums(
                    len(runs), sum(len(run) == 1 for run in runs), sum(map(len, runs)),
                    sum(round((run[-1].ts - run[0].ts).total_seconds() * 1e6) for run in runs),
                ),
                len({run[0].user_no for run in runs}),
            )
            for value, runs in by_value.items()
        ]  # fmt: skip
        lists[dimension] = sorted(rows, key=lambda row: (-row.visits.visits, row.value))
    return lists


@st.composite
def drafts(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Batches of page views of ten days, some minutes apart and some sent again; no two at the same time."""
    seconds = st.integers(0, 10 * 86_400 - 1) | st.integers(0, 3 * 3600)
    events = []
    for after_s in draw(st.lists(seconds, min_size=2, max_size=40, unique=True)):
        country, region, city = draw(st.sampled_from(PLACES))
        event = {
            "ts": (START + timedelta(seconds=after_s)).isoformat(),
            "event_id": f"e{after_s}",
            "user_id": draw(st.sampled_from("abc")),
            "path": draw(st.sampled_from(["/", "/a", "/b?utm_term=shoes&utm_content=red"])),
            "country": country, "region": region, "city": city,
        }  # fmt: skip
        choices = {
            "session_id": ["s"], "referrer": ["https://www.google.com/", "https://a.example/x"],
            "utm_source": ["news"], "user_agent": [BOT],
        }  # fmt: skip
        event |= {
            name: draw(st.sampled_from(values)) for name, values in choices.items() if draw(st.integers(0, 2)) == 0
        }
        events.append({name: value for name, value in event.items() if value})
    events = draw(st.permutations(events))
    cut = draw(st.integers(1, len(events)))
    return [events[:cut], [*events[cut:], *events[: draw(st.integers(0, 3))]]]


def check(engine: Engine, site: Site, sql: Any) -> None:
    events = stored(sql, site.id)
    with open_snapshot(engine, site, 30) as snapshot:
        for first, length, bots in ((-1, 12, True), (3, 7, False), (-27, 61, False)):
            days = VisitDays(START.date() + timedelta(first), START.date() + timedelta(first + length), bots)
            expected = slow_lists(events, snapshot.zone, days)
            assert read_visit_lists(snapshot, LIST_DIMENSIONS, days, 1_000) == expected
            for dimension in ("source", "exit_path"):
                rows = {row.value: row for row in expected[dimension]}
                assert read_visit_values(snapshot, {dimension: [*rows][:2]}, days)[dimension] == dict(
                    [*rows.items()][:2]
                )
                assert read_visit_sums_of_values(snapshot, dimension, days) == {
                    value: row.visits for value, row in rows.items()
                }


@settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drafts(), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_lists_of_visits_equal_a_slow_count(
    engine: Engine, redis: Any, store: Any, sql: Any, batches: list[list[dict[str, Any]]], zone: str, moved_to: str
) -> None:
    site = make_site(engine, zone)
    for number, batch in enumerate(batches):
        store(batch, site_id=site.id, site_key=site.key)
        # Of the second batch most are late: the days are closed, and united with their week and month.
        check(engine, site, sql)
        merge_site(engine, site.id)
        check(engine, site, sql)
        close_days(engine, LATER + timedelta(hours=number), IMMEDIATE)
        build_site_unions(engine, site.id)
        check(engine, site, sql)
    assert sql("SELECT count(*) FROM visit_unions WHERE site_id = :id AND span = 'month'", id=site.id) != [(0,)]
    rebuild_days(engine, site, START.date() + timedelta(2), START.date() + timedelta(5))
    check(engine, site, sql)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sites SET zone = :zone WHERE id = :id"), {"zone": moved_to, "id": site.id})
        moved = read_site_by_id(connection, site.id)
    assert moved is not None
    merge.move_all_calendars(engine)
    check(engine, moved, sql)
    assert not run_audit(engine, redis, site=moved, full=True).gaps


def view(at: str, user: str = "ann", path: str = "/", **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-{at}:00Z", "user_id": user, "path": path, **more}


MARCH = VisitDays(date(2026, 3, 1), date(2026, 4, 1))


def visitors(engine: Engine, site: Site, dimension: str, days: VisitDays = MARCH) -> dict[str, tuple[int, int | None]]:
    """Value → visits and people."""
    with open_snapshot(engine, site, 5) as snapshot:
        rows = read_visit_lists(snapshot, [dimension], days, 10)[dimension]
    return {row.value: (row.visits.visits, row.visitors) for row in rows}


def test_direct_is_what_visits_began_with(engine: Engine, site: Site, store: Any, report: Any) -> None:
    """Nine page views, of which two have a referrer; two of three visits came from Google."""
    for user in ("ann", "bob"):
        store([view("10T09:00", user, referrer="https://www.google.com/")])
        store([view(f"10T09:0{n}", user, f"/{n}") for n in (1, 2, 3)])
    store([view("10T10:00", "cyd")])
    for _ in ("unmerged", "merged"):
        found = report("breakdown", "date=2026-03-10&dimension=source")
        assert [(row["value"], row["visits"], row["share"]) for row in found["rows"]] == [
            ("Google", 2, 0.6667),
            (None, 1, 0.3333),
        ]
        assert [(row["visitors"], row["page_views"]) for row in found["rows"]] == [(2, 8), (1, 1)]
        merge_site(engine, site.id)


def test_a_late_view_takes_a_user_from_a_value(engine: Engine, site: Site, store: Any, sql: Any) -> None:
    store([view("10T09:00"), view("10T12:00"), view("10T09:00", "bob")])
    merge_site(engine, site.id)
    close_days(engine, LATER, IMMEDIATE)
    build_site_unions(engine, site.id)
    assert visitors(engine, site, "source") == {"": (3, 2)}
    # It begins bob's visit, whose first view so far becomes the second; ann's later visit stays direct.
    store(
        [view("10T08:50", "bob", referrer="https://www.google.com/"), view("10T08:50", referrer="https://a.example/")]
    )
    expected = {"Google": (1, 1), "a.example": (1, 1), "": (1, 1)}
    assert visitors(engine, site, "source") == expected
    merge_site(engine, site.id)
    assert visitors(engine, site, "source") == expected
    assert sql("SELECT count(*) FROM visit_unions WHERE span = 'week' AND dimension = 'source'") == [(3,)]


def test_days_of_an_earlier_release_have_no_people_until_they_are_recounted(
    engine: Engine, redis: Any, site: Site, store: Any, sql: Any
) -> None:
    store([view("10T09:00", country="DE", region="Bavaria"), view("11T09:00", "bob")])
    merge_site(engine, site.id)
    sql("UPDATE visit_rollups SET users = NULL, repeats = NULL WHERE day = '2026-03-10' RETURNING 1")
    sql("DELETE FROM visit_rollups WHERE dimension = 'region' AND day = '2026-03-10' RETURNING 1")
    sql("UPDATE visits SET region = '' RETURNING 1")
    assert visitors(engine, site, "browser") == {"": (2, None)}
    assert visitors(engine, site, "browser", VisitDays(date(2026, 3, 11), date(2026, 3, 12))) == {"": (1, 1)}
    # What arrives meanwhile cannot complete such a row.
    store([view("10T20:00", "cyd")])
    merge_site(engine, site.id)
    assert visitors(engine, site, "browser") == {"": (3, None)}
    assert run_audit(engine, redis, full=True).gaps
    assert recount_unknown_visitors(engine, None) == (1, 0)
    assert visitors(engine, site, "browser") == {"": (3, 3)}
    assert visitors(engine, site, "region") == {"": (2, 2), "DE/Bavaria": (1, 1)}
    assert not run_audit(engine, redis, full=True).gaps
    assert recount_unknown_visitors(engine, None) == (0, 0)


def test_a_move_to_another_zone_leaves_such_days_to_be_recounted(
    engine: Engine, redis: Any, site: Site, store: Any, sql: Any
) -> None:
    """It counts the stored visits, which lack what the earlier release did not keep."""
    store([view("10T09:00", country="DE", region="Bavaria")])
    merge_site(engine, site.id)
    sql("UPDATE visit_rollups SET users = NULL, repeats = NULL RETURNING 1")
    sql("UPDATE visits SET region = '' RETURNING 1")
    sql("UPDATE sites SET zone = 'Asia/Tokyo' RETURNING 1")
    assert recount_unknown_visitors(engine, site.id) == (0, 1)
    merge.move_all_calendars(engine)
    assert visitors(engine, site, "browser") == {"": (1, None)}
    assert recount_unknown_visitors(engine, site.id) == (1, 0)
    assert visitors(engine, site, "region") == {"DE/Bavaria": (1, 1)}
    assert not run_audit(engine, redis, full=True).gaps


def test_the_task_recounts_the_latest_days_first_and_goes_on(
    engine: Engine, redis: Any, site: Site, store: Any, sql: Any, app: Any, monkeypatch: Any
) -> None:
    store([view(f"{day}T09:00", user) for day in (10, 11, 12) for user in ("ann", "bob")])
    merge_site(engine, site.id)
    sql("UPDATE visit_rollups SET users = NULL, repeats = NULL RETURNING 1")
    left = "SELECT DISTINCT day FROM visit_rollups WHERE users IS NULL AND dimension = 'browser' ORDER BY day"
    # No time for more than one day.
    monkeypatch.setattr(tasks, "RECOUNT_FOR_S", 0)
    with app.app_context():
        tasks.recount_visits()
    assert redis.llen("rollups") == 1
    assert sql(left) == [(date(2026, 3, 10),), (date(2026, 3, 11),)]
    sql("UPDATE sites SET raw_since = '2026-03-10T00:00:01Z' RETURNING 1")
    with app.app_context():
        for _ in range(2):
            tasks.recount_visits()
    assert sql(left) == [(date(2026, 3, 10),)]
    assert recount_latest_days(engine, 60) == (0, 0)
    # From its midnight on all raw events of the day are kept.
    sql("UPDATE sites SET raw_since = '2026-03-10T00:00:00Z' RETURNING 1")
    assert recount_latest_days(engine, 60) == (1, 0)
    assert visitors(engine, site, "browser") == {"": (6, 2)}
    sql("UPDATE sites SET raw_since = NULL RETURNING 1")
    assert not run_audit(engine, redis, full=True).gaps


def test_the_days_are_found_by_an_index(engine: Engine, site: Site, store: Any) -> None:
    store([view("10T09:00", path=f"/{n}") for n in range(50)])
    merge_site(engine, site.id)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(connection.execute(text("EXPLAIN " + FIND_LATEST_DAYS.text), {"most_days": 1}).scalars())
    assert "visit_rollups" in plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line and "device" in line)
    assert "site_id = s.id" in condition


def test_frozen_days_are_left(engine: Engine, site: Site, store: Any, sql: Any) -> None:
    store([view("10T09:00")])
    merge_site(engine, site.id)
    sql("UPDATE visit_rollups SET users = NULL, repeats = NULL RETURNING 1")
    sql("UPDATE sites SET raw_since = '2026-03-11T00:00:00Z' RETURNING 1")
    assert recount_unknown_visitors(engine, site.id) == (0, 1)
    assert visitors(engine, site, "browser") == {"": (1, None)}


def test_a_row_that_contradicts_its_visits_is_to_be_recounted(engine: Engine, site: Site, store: Any, sql: Any) -> None:
    """As when a worker of the release before has added visits without their people."""
    store([view("10T09:00"), view("10T09:00", "bob")])
    merge_site(engine, site.id)
    sql("UPDATE visit_rollups SET visits = visits + 1 WHERE dimension = 'browser' RETURNING 1")
    store([view("10T20:00", "cyd")])
    merge_site(engine, site.id)
    assert visitors(engine, site, "browser") == {"": (4, None)}
    assert visitors(engine, site, "os") == {"": (3, 3)}
    assert recount_unknown_visitors(engine, site.id) == (1, 0)
    assert visitors(engine, site, "browser") == {"": (3, 3)}


def test_people_are_counted_once_over_days_and_values_keep_their_order(engine: Engine, site: Site, store: Any) -> None:
    store([view(f"{day}T09:00", user) for day in range(10, 14) for user in ("ann", "bob")])
    store([view("12T12:00", path="/b"), view("12T13:00", path="/a")])
    assert visitors(engine, site, "entry_path") == {"/": (8, 2), "/a": (1, 1), "/b": (1, 1)}
    assert [*visitors(engine, site, "entry_path")] == ["/", "/a", "/b"]


def test_bitmaps_are_served_by_the_primary_keys(engine: Engine, site: Site) -> None:
    given = {"site_id": site.id, "ranked_dimensions": ["source"], "ranked": [""], "bots": [False]}
    given |= {"spans": ["day", "week"], "days": [date(2026, 3, 2)] * 2, "changed_days": []}
    with engine.begin() as connection:
        force_index_lookups(connection)
        cursor: Any = connection.connection.cursor()
        cursor.execute("EXPLAIN (COSTS OFF) " + READ_USERS, given)
        plan = "\n".join(line for (line,) in cursor)
    assert "using pk_visit_rollups" in plan
    assert "using pk_visit_unions" in plan
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert all(f"({name} = " in line for line in conditions for name in ("site_id", "dimension", "day", "value"))


def test_the_slow_count_counts_users_once() -> None:
    fields = dict.fromkeys(FIELDS, "")
    events = [Event(START + timedelta(hours=n), 1, "", False, fields) for n in range(2)]
    [row] = slow_lists(events, "UTC", VisitDays(START.date(), START.date() + timedelta(1)))["source"]
    assert Counter({row.value: row.visitors}) == Counter({"": 1})
