"""A thousand real user agents: people are people, and bots are bots."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from analytics.ingest.enrich import parse_user_agent

FILE = Path(__file__).parent / "data" / "agents.tsv"


class Agent(NamedTuple):
    """A line of the file."""

    kind: str
    group: str
    user_agent: str


AGENTS = [
    Agent(*line.split("\t")) for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]


def test_the_file_holds_enough_of_both_kinds_once_each() -> None:
    kinds = Counter(agent.kind for agent in AGENTS)
    assert kinds.keys() == {"person", "bot"}
    assert min(kinds.values()) >= 300
    assert len({agent.user_agent for agent in AGENTS}) == len(AGENTS)
    groups = Counter(agent.group for agent in AGENTS)
    for name in ("in-app", "television", "console", "e-reader", "ai crawler", "uptime monitor", "link preview"):
        assert groups[name] >= 6, name


def test_every_agent_is_what_it_is() -> None:
    wrong = [agent for agent in AGENTS if parse_user_agent(agent.user_agent).is_bot != (agent.kind == "bot")]
    assert wrong == []


def test_people_on_devices_have_a_kind_of_device() -> None:
    """So that they are found in the lists of devices; the oldest browsers name no system."""
    devices = {
        agent.group: {parse_user_agent(other.user_agent).device for other in AGENTS if other.group == agent.group}
        for agent in AGENTS
        if agent.group in ("phones named like bots", "console")
    }
    assert devices["console"] == {"console"}
    assert devices["phones named like bots"] <= {"mobile", "tablet"}
