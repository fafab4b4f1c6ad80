"""The goal that the parameter `goal` of an experiment names. insights/views.py and users/ read it. SELECT only."""

import uuid

from sqlalchemy import Engine

from analytics.insights.goals.goals import Goal, make_goal, read_goal
from analytics.sites.sites import Site


def find_goal(engine: Engine, site: Site, text: str) -> Goal:
    """The goal that the parameter `goal` of a report gives: the id of a stored goal of the site, a path, or an event
    type. Raises NotFound."""
    try:
        goal_id = uuid.UUID(text)
    except ValueError:
        return make_goal({"path": text} if text.startswith("/") else {"type": text})
    with engine.connect() as connection:
        return read_goal(connection, goal_id).of_site(site)
