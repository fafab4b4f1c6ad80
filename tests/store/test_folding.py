"""Python and SQL fold alike."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, column, select, text, values
from sqlalchemy.types import Text

from analytics.store.folding import fold, fold_column, fold_sql
from tests.examples import examples

LETTERS = st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0x2000)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(LETTERS, max_size=30) | st.text("ABCÄÖÜÉßẞİΣЖҐԱ", max_size=8), min_size=1, max_size=200))
def test_sql_folds_as_python_does(engine: Engine, words: list[str]) -> None:
    by_text = text(f"SELECT {fold_sql('word')} FROM unnest(CAST(:words AS text[])) AS word")
    given_words = values(column("word", Text), name="given").data([(word,) for word in words])
    with engine.connect() as connection:
        assert connection.execute(by_text, {"words": words}).scalars().all() == [fold(word) for word in words]
        folded = connection.execute(select(fold_column(given_words.c.word))).scalars().all()
    assert folded == [fold(word) for word in words]


@pytest.mark.parametrize(
    ("word", "folded"),
    [("Google", "google"), ("ÄRZTE", "ärzte"), ("СПЕЦ", "спец"), ("ΛΩΔ", "λωδ"), ("İ", "İ"), ("ẞ", "ß"), ("", "")],
)
def test_letters_of_alphabets_with_case_are_folded(word: str, folded: str) -> None:
    assert fold(word) == folded == fold(folded)
