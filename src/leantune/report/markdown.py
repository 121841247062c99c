"""The report as Markdown: the sentence, the table, what was left out, how to run it again. For issues, pull requests and model cards.

| Method | Test accuracy | Difference to full, points | Verdict | Trainable | Training | Memory | Latency | Saved | Model |
"""

from __future__ import annotations

import re

from leantune.comparison.table import by_likelihood, other_scores
from leantune.core import human
from leantune.core.records import Comparison, MethodRow
from leantune.report import facts
from leantune.report.axes import AXES
from leantune.report.letters import moment
from leantune.report.rows import make_table

_COSTS = {"trainable": "Trainable", "seconds": "Training", "memory": "Memory", "latency_1": "Latency", "saved": "Saved", "model": "Model"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def render_markdown(comparison: Comparison) -> str:
    """The whole document as text."""
    choice, ledger = comparison.choice, comparison.ledger
    words, name = facts.headline(choice)
    title = f"# {plain(facts.data_name(comparison))}: {words[0].lower()}{words[1:]}"
    parts = [f"{title} {code(name)}" if name else title, plain(choice.reason)]
    if choice.proof:
        parts.append(plain(f"The artifact, checked after saving: {choice.proof}."))
    if not ledger.finished:
        parts.append(f"**Not finished:** the same command keeps the finished trials and goes on. {plain(ledger.more_time)}".rstrip())
    parts += [_table(comparison), *_by_test(comparison), _legend(comparison)]
    if comparison.inspection and (others := other_scores(comparison)):
        parts.append(f"{code(comparison.inspection.method)} besides: {plain(others)}.")
    if comparison.unsupported:
        left = [f"- {code(name)}: {plain(reason)}" for name, reason in comparison.unsupported.items()]
        parts.append("Left out before anything ran:\n\n" + "\n".join(left))
    parts.append("How to run it again:\n\n" + block(comparison.command))
    return "\n\n".join(parts) + "\n"


def _by_test(comparison: Comparison) -> list[str]:
    """The table of every test set with a sentence before it; nothing where there is one test set."""
    if len(comparison.tests) < 2:
        return []
    main, *further = comparison.tests
    against = plain(make_table(comparison).against)
    rows = [row for row in _ordered(comparison) if row.mean is not None]
    lines = [["Method", *map(plain, comparison.tests)], ["---", *("---:" for _ in comparison.tests)]]
    lines += [[code(row.name), human.score_interval(row.interval), *(_elsewhere(row, name) for name in further)] for row in rows]
    said = f"On every test set, behind the score the difference to {against} in points; verdicts go by {plain(main)}:"
    return [said, "\n".join("| " + " | ".join(cells) + " |" for cells in lines)]


def _elsewhere(row: MethodRow, name: str) -> str:
    found = row.further.get(name)
    if found is None:
        return human.DASH
    gap = f", {human.points_interval(found.difference_to_full)}" if found.difference_to_full else ""
    return f"{human.score_interval(found.interval)}{gap}"


def _ordered(comparison: Comparison) -> list[MethodRow]:
    order = {"method": 0, "baseline": 1}
    return sorted(comparison.methods, key=lambda row: (row.verdict == "failed", order[row.kind]))


def _table(comparison: Comparison) -> str:
    against = plain(make_table(comparison).against)
    heads = ["Method", plain(facts.test_score(comparison)), f"Difference to {against}, points", "Verdict", *_COSTS.values()]
    rule = ["---", "---:", "---:", "---", *("---:" for _ in _COSTS)]
    return "\n".join(
        "| " + " | ".join(cells) + " |"
        for cells in [heads, rule, *(_cells(row, perplexity=by_likelihood(comparison)) for row in _ordered(comparison))]
    )


def _cells(row: MethodRow, *, perplexity: bool) -> list[str]:
    name = f"**{code(row.name)}**" if row.chosen else code(row.name)
    score = human.score_interval(row.interval) if row.interval else human.percent(row.mean)
    score += f", perplexity {human.perplexity(row.mean)}" if perplexity else ""
    verdict = row.verdict if row.within_limits else f"{row.verdict}, over a limit"
    detail = f"{verdict}: {plain(row.detail)}" if row.verdict == "failed" and row.detail else verdict
    return [name, score, human.points_interval(row.difference_to_full), detail, *(AXES[key].text(row) for key in _COSTS)]


def _legend(comparison: Comparison) -> str:
    margin = human.points(facts.margin_of(comparison), signed=False)
    tests = comparison.check.splits.get("test")
    rows = f"{tests:,} test rows" if tests else "the test rows"
    return (
        f"90 % intervals over seeds and {rows}; margin {margin} {'point' if margin == '1' else 'points'}. Latency is one row at a time. "
        f"Base model: {plain(facts.model_name(comparison))}. Made by leantune {comparison.leantune}, {moment(comparison.created)}."
    )


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str | None) -> str:
    """A code span; a name with a backtick or a bar cannot break out of it or out of the table."""
    return "`" + " ".join((text or "").split()).replace("`", "'").replace("|", "\\|") + "`"


def block(text: str) -> str:
    """Shell commands in a fence that they cannot break out of."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}sh\n{text.strip()}\n{fence}"
