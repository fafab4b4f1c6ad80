"""Every item of the five seeds has a test that names it: `test_4_e7_…`, `test_1_v_…`, `test_c24_…`; several ids in one
name are fine.
"""

import ast
import re
from pathlib import Path

ENDPOINTS = {"0": 6, "1": 5, "2": 3, "3": 9, "4": 24}
IDS = {
    *(f"{seed}.E{number}" for seed, count in ENDPOINTS.items() for number in range(1, count + 1)),
    *(f"{seed}.V" for seed in ENDPOINTS),
    *("0.C", "0.H", "0.L", "1.J", "1.K"),
    # There is no C13, C30 and C34.
    *(f"C{number}" for number in range(1, 38) if number not in (13, 30, 34)),
}
# The test is with the part that decides.
ELSEWHERE = {
    "C12": "test_config.py::test_production_refuses_a_redis_that_evicts",
    "C28": "auth/test_cors.py::test_origin_is_allowed_by_the_setting",
    "C31": "auth/test_limits.py::test_events_and_requests_have_separate_budgets",
}
HERE = Path(__file__).parent
IN_NAME = re.compile(r"(?<![a-z0-9])(\d_(?:e\d+|[vcjkhl](?![a-z]))|c\d+)(?![a-z0-9])")


def list_tests(path: Path) -> set[str]:
    """The names of the file's tests."""
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def named() -> set[str]:
    """The ids that the names of our tests tell."""
    names = {name for path in HERE.glob("test_*.py") for name in list_tests(path)}
    return {found.upper().replace("_", ".") for name in names for found in IN_NAME.findall(name)}


def test_every_id_has_a_test() -> None:
    assert IDS - named() == set(ELSEWHERE)


def test_no_test_names_an_id_that_there_is_not() -> None:
    assert named() - IDS == set()


def test_what_is_tested_elsewhere_is_tested() -> None:
    for place in ELSEWHERE.values():
        file, name = place.split("::")
        assert name in list_tests(HERE.parent / file)


def test_ids_are_read_from_names() -> None:
    assert IN_NAME.findall("test_0_e5_1_e5_c11_c14_of_3_x_1_v_a_c1a_thing") == ["0_e5", "1_e5", "c11", "c14", "1_v"]
