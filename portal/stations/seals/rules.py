"""What is decided about seals from values alone."""

from __future__ import annotations

from datetime import timedelta

# A day is sealed this long after it ended, when no tap of its last second can still be under way.
SEAL_AFTER = timedelta(minutes=10)
