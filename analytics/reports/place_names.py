"""How places are shown to people. Rollups tell them apart by country and region: `US//New York`, `DE/Bavaria`."""

PLACES = ("region", "city")


def place_name(value: str) -> str:
    """A region or city as it is said, from the smallest on: `New York, US`. A country alone stays what it is."""
    return ", ".join(part for part in reversed(value.split("/", 2)) if part)
