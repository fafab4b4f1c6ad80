"""Display names of regions and cities, for links/ and websites/. Rollups store `US//New York`, `DE/Bavaria`."""

PLACE_DIMENSIONS = ("region", "city")


def place_name(value: str) -> str:
    """A region or city, smallest part first: `New York, US`. A country alone stays as it is."""
    return ", ".join(part for part in reversed(value.split("/", 2)) if part)
