"""What a destination's rule becomes when it is paused, resumed, fails, is probed, or asks to be left alone. Pure.

Each takes the rule as it stands, without what is over, at the moment `rule.read_at`. None: it stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.destinations import Break, BreakerMode, ResumeAt, Rule
from scheduler.hold_reasons import BreakerFailures
from scheduler.holds.breaker import probe_wait
from scheduler.schedules import Pause


def paused(rule: Rule, reason: str, by: str, until: int | None) -> Rule:
    """Also of one that is paused already: then since when it is so stays. `until`: ms."""
    at = rule.pause.at if rule.pause else rule.read_at
    return replace(rule, pause=Pause(reason, by, at, until))


def resumed(rule: Rule, at: ResumeAt) -> Rule | None:
    """Without its pause; of a broken one that is not paused, with a probe at once, unless one is under way; else
    without its Retry-After. At full speed also without the slow start that goes on."""
    slow_since = rule.read_at if at is ResumeAt.SLOW else None
    if rule.pause is not None:
        return replace(rule, pause=None, slow_since=slow_since)
    if rule.broken is not None:
        if (rule.broken.probing_until or 0) > rule.read_at:
            return None
        return replace(rule, broken=rule.broken._replace(probe_at=rule.read_at, probe=None, probing_until=None))
    is_slowed = at is ResumeAt.FULL and rule.slow_since is not None
    return replace(rule, retry_after=None, slow_since=slow_since) if rule.retry_after or is_slowed else None


def broken(rule: Rule, because: str) -> Rule | None:
    """Left alone until a probe is answered, unless its breaker is off."""
    if rule.broken is not None or rule.settings.breaker is BreakerMode.OFF:
        return None
    return replace(rule, broken=Break(rule.read_at, because, rule.read_at + probe_wait(0)), slow_since=None)


def probed(rule: Rule, permit: str, is_back: bool, said: str) -> Rule | None:
    """Once the probe with this permit has ended: slowly started, or broken until the next probe. `said`: the error or
    the status."""
    it = rule.broken
    if it is None or it.probe != permit:  # it was taken for lost, or somebody has said otherwise meanwhile
        return None
    if is_back:
        return replace(rule, broken=None, slow_since=rule.read_at)
    because = BreakerFailures.read(it.because)._replace(probe=it.probes, probe_failed=said).text
    after = it._replace(because=because, probe_at=rule.read_at + probe_wait(it.probes), probe=None, probing_until=None)
    return replace(rule, broken=after)


def asked_to_wait(rule: Rule, until: int) -> Rule | None:
    """Left alone until then, ms, unless it is for longer already."""
    return replace(rule, retry_after=until) if until > (rule.retry_after or rule.read_at) else None
