"""The routes of all applications of a test process, compiled once.

Werkzeug compiles each rule when it is added, which is nine tenths of the time that `create_app` takes; hundreds of tests
make an application of their own. Views, settings and everything else belong to each application alone.
"""

from typing import Any

from werkzeug.routing import Map, Rule, RuleFactory


class SharedMap(Map):
    """A map that keeps the first of equal rules. Once complete, it refuses others: all applications would see them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.added: set[tuple[Any, ...]] = set()
        self.is_complete = False

    def add(self, rulefactory: RuleFactory) -> None:
        for rule in rulefactory.get_rules(self):
            if (key := key_of(rule)) not in self.added:
                if self.is_complete:
                    raise RuntimeError(f"{rule.rule}: a test that adds routes needs the fixture own_routes")
                self.added.add(key)
                super().add(rule)


def key_of(rule: Rule) -> tuple[Any, ...]:
    return rule.rule, rule.endpoint, frozenset(rule.methods or ()), repr(rule.defaults)


SHARED = SharedMap()
