"""The fields of an event that `track` takes by name, for those who pass them on. No code runs here."""

from datetime import datetime
from typing import Optional, TypedDict, Union


class EventFields(TypedDict, total=False):
    """As in `Client.track`."""

    ts: Union[datetime, str, None]
    session_id: Union[str, int, None]
    event_id: Optional[str]
    subject: Optional[str]
    path: Optional[str]
    referrer: Optional[str]
    ip: Optional[str]
    user_agent: Optional[str]
    hostname: Optional[str]
    language: Optional[str]
    src: Optional[str]
