"""`AsyncClient`: the same client for asyncio.

`track` writes to the spool in the event loop: some microseconds in the page cache, less than handing it to a thread
would take. Delivery is the thread's of `Client`; `flush` and `close` wait for it in a worker thread.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from analytics_client.client import Client
from analytics_client.events import UserId
from analytics_client.stats import Stats

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from analytics_client.fields import EventFields
    from analytics_client.options import ClientOptions


class AsyncClient:
    """As `Client`, with the same arguments. `on_reject` is called in the delivering thread, as there."""

    def __init__(self, url: str, key: str, **options: "Unpack[ClientOptions]") -> None:
        self.client = Client(url, key, **options)

    @classmethod
    def disabled(cls) -> "AsyncClient":
        """A client for tests: it makes ids, and neither writes nor sends anything."""
        return cls("http://disabled.invalid", "disabled", enabled=False)

    async def track(
        self,
        type: str,
        payload: Optional[Mapping[str, Any]] = None,
        user_id: UserId = None,
        **fields: "Unpack[EventFields]",
    ) -> Optional[str]:
        """As `Client.track`, whose other fields these are. With `fsync` the disk is waited for in a worker thread."""
        if self.client.options.fsync:
            return await asyncio.to_thread(self.client.track, type, payload, user_id, **fields)
        return self.client.track(type, payload, user_id, **fields)

    async def identify(
        self, user_id: Union[str, int], traits: Optional[Mapping[str, Any]] = None, **fields: "Unpack[EventFields]"
    ) -> Optional[str]:
        """As `Client.identify`."""
        return await self.track("identify", {"traits": dict(traits or {})}, user_id, **fields)

    async def flush(self, timeout: float = 10.0) -> bool:
        """As `Client.flush`, without holding the event loop."""
        return await asyncio.to_thread(self.client.flush, timeout)

    async def close(self, timeout: float = 10.0) -> bool:
        """As `Client.close`, without holding the event loop."""
        return await asyncio.to_thread(self.client.close, timeout)

    def set_key(self, key: str) -> None:
        """As `Client.set_key`."""
        self.client.set_key(key)

    def stats(self) -> Stats:
        """As `Client.stats`."""
        return self.client.stats()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        await self.close()
