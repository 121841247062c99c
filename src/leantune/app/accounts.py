"""Accounts: what each speed-up saves in a step of every method, measured on demand and kept in the run folder."""

from __future__ import annotations

from leantune.app.candidates import Candidate
from leantune.app.progress import Planned
from leantune.comparison.plan import Plan
from leantune.core.files import kept_or
from leantune.execution.runner import Runner
from leantune.execution.savings import Account


def accounts_of(planned: Planned, runner: Runner) -> tuple[Account, ...]:
    """Of every method; one that could not be measured is not there."""
    found = (_account(candidate, planned.plan, runner) for candidate in planned.field.candidates)
    return tuple(one for one in found if one is not None)


def _account(candidate: Candidate, plan: Plan, runner: Runner) -> Account | None:
    job = candidate.job(candidate.planned_rates[0], phase="final", seed=1, steps=plan.steps, looks=1)
    path = runner.run_folder / "accounts" / f"{job.digest(runner.conditions)}.json"
    return kept_or(path, Account, lambda: runner.account(job), keeps=lambda found: found is not None)
