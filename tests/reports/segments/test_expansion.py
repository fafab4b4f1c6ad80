"""A filter that names segments is the filter with their conditions: texts, errors, limits."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.errors import BadInput
from analytics.reports.filtering.filters import parse_filter, parse_terms, segment_term
from analytics.reports.segments.expansion import MAX_LISTED, expand
from analytics.reports.segments.segments import create_segment, delete_segment, find_segment
from analytics.sites.sites import Site, create_site
from tests.examples import examples

FILTERS = {
    "Phones": "country==DE;payload.device==phone",
    "a;b|c\\d": r"path==/x\;y",
    "v1.2 = !~^": "type==click",
    "Größe": "country==AT",
}


@pytest.fixture
def put(engine: Engine, site: Site) -> Any:
    """`put(FILTERS)`: the site has these segments."""

    def create(filters: Mapping[str, str], of: Site = site) -> None:
        with engine.begin() as connection:
            for name, text in filters.items():
                create_segment(connection, of.id, name, text, "tester")

    return create


@pytest.fixture
def read(engine: Engine, site: Site) -> Any:
    """`read("segment:Phones")`: the text with conditions only."""

    def expanded(text: str, of: Site = site, **options: Any) -> str:
        with engine.connect() as connection:
            return expand(connection, of.id, text, **options).text

    return expanded


EXPANDED = [
    ("country==DE", "country==DE"),
    ("segment:Phones", FILTERS["Phones"]),
    ("segment:phones", FILTERS["Phones"]),
    ("segment: PHONES ", FILTERS["Phones"]),
    ("segment:Phones;country!=FR", FILTERS["Phones"] + ";country!=FR"),
    ("path==/a;segment:Phones;path!=/b", "path==/a;" + FILTERS["Phones"] + ";path!=/b"),
    (r"segment:a\;b\|c\\d;segment:Phones", r"path==/x\;y;" + FILTERS["Phones"]),
    ("segment:v1.2 = !~^", "type==click"),
    ("segment:GRÖSSE", "country==AT"),
    ("segment:Phones;segment:Phones", FILTERS["Phones"] + ";" + FILTERS["Phones"]),
    ("path==/segment:Phones", "path==/segment:Phones"),
    (r"path==a\;segment:Phones", r"path==a\;segment:Phones"),
]


@pytest.mark.parametrize(("text", "expected"), EXPANDED)
def test_the_conditions_of_a_segment_stand_in_place_of_its_name(put: Any, read: Any, text: str, expected: str) -> None:
    put(FILTERS)
    assert read(text) == expected
    parse_filter(expected)


REFUSED = [
    ("segment:", 8, "the name of a segment"),
    ("country==DE;segment: ", 20, "the name of a segment"),
    ("segment:Phones|Tablets", 14, r"\|"),
    ("segment:Pho\\nes", 12, "after a backslash"),
    ("segment:Phones;nation==DE", 15, "country"),
    ("segment==Phones", 0, "segment: and the name of a segment"),
]


@pytest.mark.parametrize(("text", "position", "expected"), REFUSED)
def test_an_error_has_its_position_in_the_text_that_was_sent(
    put: Any, read: Any, text: str, position: int, expected: str
) -> None:
    put(FILTERS)
    with pytest.raises(BadInput) as caught:
        parse_filter(read(text))
    assert caught.value.extra["position"] == position
    assert expected in caught.value.extra["expected"]


def test_an_unknown_segment_is_refused_with_the_names_of_the_sites_own(put: Any, read: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        other = create_site(connection, "other")
    put(FILTERS)
    put({"Elsewhere": "country==US"}, other)
    with pytest.raises(BadInput) as caught:
        read("country==DE;segment:Elsewhere")
    problem = caught.value.errors[0]
    assert (problem.field, problem.code, caught.value.extra["position"]) == ("filter", "unknown_segment", 12)
    assert problem.detail == (
        "filter: the site has no segment 'Elsewhere'; accepted: segment:a\\;b\\|c\\\\d, segment:Größe, segment:Phones, "
        "segment:v1.2 = !~^"
    )
    assert read("segment:Elsewhere", other) == "country==US"


def test_a_few_of_many_segments_are_named_and_none_on_request(put: Any, read: Any) -> None:
    put({f"s{n:02}": "country==DE" for n in range(MAX_LISTED + 1)})
    with pytest.raises(BadInput, match="segment:s09 and others, which GET /api/analytics/segments lists"):
        read("segment:x")
    with pytest.raises(BadInput) as caught:
        read("segment:x", lists_names=False)
    assert "s0" not in caught.value.detail


def test_a_site_without_segments_is_told_how_to_create_one(read: Any) -> None:
    with pytest.raises(BadInput, match="none at all; POST /api/analytics/segments creates one"):
        read("segment:x")


def test_conditions_are_counted_with_those_of_segments(put: Any, read: Any) -> None:
    put({"Nineteen": ";".join(["path!=/a"] * 19)})
    assert len(parse_filter(read("segment:Nineteen;country==DE"))) == 20
    with pytest.raises(BadInput, match="at most 20"):
        read("segment:Nineteen;country==DE;type==click")


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(NAMES | st.text(";|\\.=!~^a ", min_size=1, max_size=30))
@example("a;b")
@example("\\")
def test_the_term_of_a_name_is_read_as_that_name(name: str) -> None:
    if not name.strip():
        return
    condition, reference = parse_terms(f"country==DE;{segment_term(name)}")
    assert getattr(reference, "name", None) == name
    assert condition == parse_filter("country==DE")[0]


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.sampled_from(";|\\"), min_size=1, max_size=30
    )
)
def test_a_stored_name_is_found_by_its_term_whatever_it_holds(engine: Engine, site: Site, read: Any, name: str) -> None:
    name = name.strip() or "a"
    with engine.begin() as connection:
        stored = create_segment(connection, site.id, name, "country==DE", "tester")
    try:
        assert read(f"{segment_term(name)};type==a") == "country==DE;type==a"
    finally:
        with engine.begin() as connection:
            assert find_segment(connection, site.id, name) == stored
            delete_segment(connection, stored.id, "tester")
