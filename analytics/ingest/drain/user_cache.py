"""The user numbers that a drain's process has used lately, so that most users cost no query.

drain.py fills it after a commit, chunk_writer.py reads it. It never queries.
"""

from collections.abc import Mapping

# Of one process; about 150 bytes each.
MAX_USERS = 100_000


class UserNumberCache:
    """By site user_id → user_no, of transactions that have committed. Two generations: the users seen last are in the
    younger; when it is full it becomes the older, whose users are dropped.
    """

    def __init__(self, max_users: int = MAX_USERS) -> None:
        self._capacity = max_users // 2
        self._younger: dict[int, dict[str, int]] = {}
        self._older: dict[int, dict[str, int]] = {}

    def get_many(self, site_id: int, user_ids: set[str]) -> dict[str, int]:
        """Those of `user_ids` that the cache holds."""
        younger, older = self._younger.get(site_id, {}), self._older.get(site_id, {})
        numbers = {user_id: younger[user_id] for user_id in younger.keys() & user_ids}
        if older and len(numbers) < len(user_ids):
            older_numbers = {user_id: older[user_id] for user_id in older.keys() & (user_ids - numbers.keys())}
            self.add_many({site_id: older_numbers})
            numbers |= older_numbers
        return numbers

    def add_many(self, numbered: Mapping[int, Mapping[str, int]]) -> None:
        """Adds the users of each site."""
        for site_id, numbers in numbered.items():
            self._younger.setdefault(site_id, {}).update(numbers)
        if sum(map(len, self._younger.values())) > self._capacity:
            self._older, self._younger = self._younger, {}

    def clear(self) -> None:
        """Drops every user."""
        self._older, self._younger = {}, {}
