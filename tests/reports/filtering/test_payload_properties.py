"""Payload properties: their names, and one value of each in filters, goals, funnels, experiments and breakdowns."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from analytics.errors import BadInput
from analytics.reports.filtering.payload_properties import parse_property

DAY = "2026-03-02"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("total", ("total",)), ("order.total", ("order", "total")), (r"order\.total", ("order.total",)),
        (r"a\.b.c\\", ("a.b", "c\\")), (r"a\=b", ("a=b",)), ("a=b c,{", ("a=b c,{",)), ("a\n.b", ("a\n", "b")),
    ],
)  # fmt: skip
def test_a_property_is_named_as_in_filters(text: str, names: tuple[str, ...]) -> None:
    assert parse_property(text) == names


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a\\", r"a\b", ".".join("a" * 17)])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"not a payload property; accepted: .* order\.total"):
        parse_property(text)


@pytest.fixture
def ask(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    def get(path: str, **options: Any) -> Any:
        method = "POST" if "json" in options else "GET"
        headers = auth(token("read write"))
        response = client.open(f"/api/analytics/reports/{path}", method=method, headers=headers, **options)
        assert response.status_code == 200, response.text
        return response.json

    return get


def order(user: str, **payload: Any) -> dict[str, Any]:
    return {"type": "order", "user_id": user, "ts": f"{DAY}T10:05:00Z", "payload": payload}


def seen(user: str, **payload: Any) -> dict[str, Any]:
    return {"type": "seen", "user_id": user, "ts": f"{DAY}T10:00:00Z", "payload": payload}


def funnel_value(ask: Callable[..., Any], name: str) -> float:
    steps = [{"condition": {"event": "seen"}}, {"condition": {"event": "order"}}]
    total: float = ask(f"funnel?date={DAY}", json={"steps": steps, "value": name})["total_value"]
    return total


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        pytest.param(5, "5", id="number"), pytest.param("19.99", "19.99", id="text"), pytest.param("+7", "7", id="sign"),
        pytest.param(0.0033333333333333335, "0.0033333333333333335", id="many-decimals"),
        pytest.param("five", None, id="word"), pytest.param(True, None, id="boolean"), pytest.param([5], None, id="list"),
        pytest.param("1" * 19, None, id="too-long"),
    ],
)  # fmt: skip
def test_goals_and_funnels_agree_on_what_is_a_number(
    ask: Callable[..., Any], store: Any, value: Any, amount: str | None
) -> None:
    store([seen("ann"), order("ann", total=value)])
    goal = ask(f"goal?date={DAY}&type=order&property=total")
    assert [row["amount"] for row in goal["amounts"]] == ([amount] if amount else [])
    assert funnel_value(ask, "total") == round(float(amount or 0), 4)


def test_a_key_with_a_dot_is_named_alike_everywhere(ask: Callable[..., Any], store: Any, client: Any) -> None:
    flat, nested = {"revenue.amount": 5, "test.variant": "b"}, {"revenue": {"amount": 70}, "test": {"variant": "c"}}
    store([seen("ann", **flat), order("ann", **flat), seen("bob", **nested), order("bob", **nested)])
    for name, amount, variant in ((r"revenue\.amount", 5, "b"), ("revenue.amount", 70, "c")):
        [row] = ask(f"goal?date={DAY}&type=order&property={name}")["amounts"]
        assert (row["amount"], funnel_value(ask, name)) == (str(amount), amount)
        assert ask(f"summary?date={DAY}&type=order&filter=payload.{name}=={amount}")["events"] == 1
        of_variant = name.replace("revenue", "test").replace("amount", "variant")
        experiment = ask(f"experiment?date={DAY}&exposure_type=seen&variant=payload.{of_variant}&goal=order")
        assert [row["variant"] for row in experiment["variants"]] == [variant]


def test_a_bad_name_is_refused_everywhere(client: FlaskClient, site: Any, token: Any, auth: Any) -> None:
    headers, steps = auth(token("read write")), [{"condition": {"event": name}} for name in "ab"]
    for path in (
        "reports/goal?type=a&property=a..b", "reports/experiment?exposure_type=a&variant=payload.a..b&goal=b",
        "reports/experiment?exposure_type=a&variant=plan&goal=b",
    ):  # fmt: skip
        response = client.get(f"/api/analytics/{path}", headers=headers)
        assert (response.status_code, "not a payload property" in response.json["detail"]) == (400, True)
    response = client.post("/api/analytics/reports/funnel", json={"steps": steps, "value": "a..b"}, headers=headers)
    assert (response.status_code, response.json["errors"][0]["field"]) == (422, "value")
    path = "/api/v1/analytics/custom-events/default?event=a&property=a..b"
    assert client.get(path, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("sent", "shown"),
    [(["EUR", "eur", " Eur "], "EUR"), (["", " ", None], None), ([978, 978.0], "978")],
    ids=["letters", "none", "numbers"],
)
def test_a_currency_is_one_however_it_is_written(
    ask: Callable[..., Any], store: Any, sent: list[Any], shown: str | None
) -> None:
    store([order(str(number), total=1, currency=text) for number, text in enumerate(sent)])
    goal = ask(f"goal?date={DAY}&type=order&property=total&currency_property=currency")
    amounts = [(row["currency"], row["amount"], row["conversions"]) for row in goal["amounts"]]
    assert amounts == [(shown, str(len(sent)), len(sent))]


def test_a_fixed_currency_is_shown_in_capitals(ask: Callable[..., Any], store: Any) -> None:
    store([order("ann")])
    goal = ask(f"goal?date={DAY}&type=order&amount=2.50&currency=eur")
    assert (goal["amounts"][0]["currency"], goal["goal"]["value"]["currency"]) == ("EUR", "EUR")


def test_equal_numbers_are_one_variant_and_one_value(
    ask: Callable[..., Any], store: Any, client: Any, token: Any, auth: Any
) -> None:
    store([seen("ann", v=1), seen("bob", v=1.0), seen("cid", v=2), seen("dan", v="1")])
    rows = ask(f"experiment?date={DAY}&exposure_type=seen&variant=payload.v&goal=order")["variants"]
    assert [(row["variant"], row["users"]) for row in rows] == [("1", 3), ("2", 1)]
    path = f"/api/v1/analytics/custom-events/default?from={DAY}&to={DAY}&event=seen&property=v"
    values = client.get(path, headers=auth(token("read"))).json["properties"]["values"]
    assert values == [{"value": "1", "count": 3, "unique": 3}, {"value": "2", "count": 1, "unique": 1}]
