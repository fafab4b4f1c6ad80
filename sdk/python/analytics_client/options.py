"""Everything that can be set, with units and defaults; a wrong value raises ValueError with its name.

`Client` and `AsyncClient` take these as keyword arguments, whose types `ClientOptions` names. README.md explains each.
"""

from dataclasses import dataclass
from typing import Callable, Optional, TypedDict

import urllib3

from analytics_client.stats import Rejection


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of a client."""

    site: Optional[str]
    flush_at: int
    flush_s: float
    spool_dir: Optional[str]
    max_spool_bytes: int
    on_reject: Optional[Callable[[Rejection], None]]
    enabled: bool
    max_batch: int
    max_batch_bytes: int
    timeout_s: float
    exit_s: float
    compress_above: int
    max_backoff_s: float
    held_s: float
    adopt_s: float
    fsync: bool
    make_http: Optional[Callable[[], urllib3.PoolManager]]
    destination: Optional[str]


@dataclass(frozen=True)
class Options:
    """The settings of a client."""

    site: Optional[str] = None
    flush_at: int = 100
    flush_s: float = 2.0
    spool_dir: Optional[str] = None
    max_spool_bytes: int = 256_000_000
    on_reject: Optional[Callable[[Rejection], None]] = None
    enabled: bool = True
    max_batch: int = 500
    max_batch_bytes: int = 1_000_000
    timeout_s: float = 15.0
    exit_s: float = 3.0
    compress_above: int = 1_024
    max_backoff_s: float = 300.0
    held_s: float = 300.0
    adopt_s: float = 60.0
    fsync: bool = False
    make_http: Optional[Callable[[], urllib3.PoolManager]] = None
    # Whose files in the folder are adopted; only cli.py sets it.
    destination: Optional[str] = None

    def __post_init__(self) -> None:
        at_least = {
            "flush_at": 1,
            "flush_s": 0,
            "max_spool_bytes": 65_536,
            "max_batch": 1,
            "max_batch_bytes": 1_000,
            "timeout_s": 0.001,
            "exit_s": 0,
            "compress_above": 0,
            "max_backoff_s": 0.001,
            "held_s": 0.001,
            "adopt_s": 0.001,
        }
        for name, least in at_least.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not value >= least:
                raise ValueError(f"{name} is {value!r}; accepted: a number from {least} on")
