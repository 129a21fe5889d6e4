"""Limits that a document names and a project sets, as values (CFG-11, C12)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.measure.rollback import read_rto
from gonogo.plan.project import Project
from gonogo.plan.reading import duration_of

RTO = "rto"


def time_limit(text: str) -> timedelta | None:
    """A limit of time above zero: a duration with its unit, or a bare number, which means minutes; None for else."""
    seconds = duration_of(text)
    if seconds is not None:
        limit = timedelta(microseconds=int(seconds * 10**6))
        return limit if limit > timedelta(0) else None
    try:
        return read_rto(text)
    except BadInput:
        return None


def recovery_limit(project: Project) -> timedelta | None:
    """The recovery time objective of a project; None where it sets none, so that nothing can pass by it (RBK-04)."""
    return time_limit(project.limits.get(RTO, ""))


def seconds_of(limit: timedelta) -> Decimal:
    """A time in seconds, exact to the microsecond."""
    return Decimal(limit // timedelta(microseconds=1)) / 10**6
