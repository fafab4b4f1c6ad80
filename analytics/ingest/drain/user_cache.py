"""The numbers of users that a drain's process has met lately, so that most of them cost no query."""

from collections.abc import Mapping

# Of a process; about 150 bytes each.
MOST_USERS = 100_000


class Remembered:
    """By site user_id → user_no, of transactions that have committed. Those met last are in the younger of two halves;
    when it is full it becomes the older one, which is forgotten then.
    """

    def __init__(self, most: int = MOST_USERS) -> None:
        self._full = most // 2
        self._younger: dict[int, dict[str, int]] = {}
        self._older: dict[int, dict[str, int]] = {}

    def known(self, site_id: int, user_ids: set[str]) -> dict[str, int]:
        """Those of `user_ids` that are remembered."""
        younger, older = self._younger.get(site_id, {}), self._older.get(site_id, {})
        found = {user_id: younger[user_id] for user_id in younger.keys() & user_ids}
        if older and len(found) < len(user_ids):
            again = {user_id: older[user_id] for user_id in older.keys() & (user_ids - found.keys())}
            self.remember({site_id: again})
            found |= again
        return found

    def remember(self, numbered: Mapping[int, Mapping[str, int]]) -> None:
        """Adds the users of each site."""
        for site_id, numbers in numbered.items():
            self._younger.setdefault(site_id, {}).update(numbers)
        if sum(map(len, self._younger.values())) > self._full:
            self._older, self._younger = self._younger, {}

    def clear(self) -> None:
        """Forgets everybody."""
        self._older, self._younger = {}, {}
