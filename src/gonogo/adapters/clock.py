"""The clock of the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` of real runs: wall clock in UTC, monotonic clock, real sleep."""

    def now(self) -> datetime:
        """Present time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; nothing for zero and less."""
        if seconds > 0:
            time.sleep(seconds)
