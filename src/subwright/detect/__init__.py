"""Which database, version and driver a project uses, and where that was read."""

from subwright.detect.decision import Choice, Decision, decide, decided_series, excludes
from subwright.detect.gathering import Gathered, Hint, gather

__all__ = [
    "Choice",
    "Decision",
    "Gathered",
    "Hint",
    "decide",
    "decided_series",
    "excludes",
    "gather",
]
