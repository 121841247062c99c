"""The report as one self-contained HTML page: it opens offline, asks the network for nothing, and trusts no text of the data.

    render_html(comparison) -> "<!doctype html> ..."

Three guards keep text what it is: jinja2 escapes whatever stands in the page, `payload.embed` whatever stands in JSON, and a content
security policy allows only the page's own scripts (by their SHA-256) and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leantune.comparison.table import by_likelihood
from leantune.core import human
from leantune.core.records import Comparison
from leantune.report import chains, confusion, facts
from leantune.report.axes import AXES
from leantune.report.forest import WIDTH, make_forest
from leantune.report.letters import moment, prose, rate
from leantune.report.payload import embed, make_curves, make_payload, needs_zoom
from leantune.report.recipes import make_recipes
from leantune.report.rows import SHAPES, make_table
from leantune.report.scatter import make_scatter

_SCRIPTS = ("base.js", "pareto.js", "curves.js", "page.js")
_TILES = ("trainable", "saved", "seconds", "latency_1")


def render_html(comparison: Comparison, *, chart: bool = False) -> str:
    """The whole page as text; `chart` tells whether chart.png lies beside it."""
    return _environment().get_template("report.html.j2").render(_context(comparison) | {"chart": chart})


def page(template: str, context: dict[str, Any]) -> str:
    """Another page in the same style, without scripts."""
    return _environment().get_template(template).render(context | {"style": Markup(_source("style.css"))})


def _context(comparison: Comparison) -> dict[str, Any]:
    table, margin, metric = make_table(comparison), facts.margin_of(comparison), facts.metric_name(comparison)
    payload = make_payload(comparison, table, margin=margin, metric=metric)
    seen = comparison.inspection
    return {
        "comparison": comparison,
        "headline": facts.headline(comparison.choice),
        "table": table,
        "forest": make_forest(table, margin),
        "margin": margin,
        "metric": metric,
        "by_likelihood": by_likelihood(comparison),
        "texts": seen is not None and bool(seen.scores or seen.typical or seen.learned or seen.samples),
        "mistakes": seen is not None and bool(seen.mistakes or not seen.scores),
        "seen": seen,
        "tested": facts.test_score(comparison),
        "tests": list(comparison.tests.items()),
        "data_name": facts.data_name(comparison),
        "model_name": facts.model_name(comparison),
        "inferences": facts.inferences(comparison),
        "fact_lists": [*facts.study_facts(comparison), facts.budget_facts(comparison)],
        "axes": AXES,
        "tiles": [AXES[key] for key in _TILES],
        "zoomed": needs_zoom(table, margin),
        "has_curves": bool(make_curves(table)),
        "scatter": make_scatter(seen) if seen else None,
        "as_table": seen is not None and len(seen.labels) <= confusion.TABLE_LABELS,
        "heat": confusion.make_heat(seen) if seen and seen.confusion and len(seen.labels) > confusion.TABLE_LABELS else None,
        "recipes": make_recipes(table),
        "chains": chains.make_chains(table),
        "way_width": chains.WIDTH,
        "way_height": chains.HEIGHT,
        "pairs": confusion.confused_pairs(seen) if seen else [],
        **_page_parts(embed(payload)),
    }


def _page_parts(payload: str) -> dict[str, Any]:
    """The trusted parts: style, script, data and the policy that names the script."""
    script = _script()
    fingerprint = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", f"script-src 'sha256-{fingerprint}'"]
    policy = "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])
    return {"style": Markup(_source("style.css")), "script": Markup(script), "payload": Markup(payload), "policy": policy}


@cache
def _script() -> str:
    body = "\n".join(_source(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{body}\n}})();\n'


def _source(name: str) -> str:
    return files("leantune.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leantune.report", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "count": human.count,
        "size": human.size,
        "duration": human.duration,
        "milliseconds": human.milliseconds,
        "percent": human.percent,
        "perplexity": human.perplexity,
        "metric": facts.named,
        "points": human.points,
        "minus": prose,
        "thousands": "{:,}".format,
        "rate": rate,
        "moment": moment,
        "strength": confusion.strength,
        "shorten": confusion.shorten,
        "answer": _answer,
    }
    environment.globals |= {"plural": human.plural, "shapes": SHAPES, "forest_width": WIDTH}
    return environment


def _answer(value: Any) -> str:
    """An answer in a sentence."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
