"""The page's scripts in a real browser, where one is installed: the chart is drawn, the address picks its axes, nothing overlaps."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_up import example, with_labels, with_methods

from leantune.core.records import Comparison
from leantune.report.html import render_html

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")]


def _drawn(comparison: Comparison, folder: Path, address: str = "") -> str:
    """The page's elements after its scripts ran."""
    page = folder / "report.html"
    page.write_text(render_html(comparison), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    command = [BROWSER, *flags, "--virtual-time-budget=2000", "--dump-dom", f"{page.as_uri()}{address}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_address_picks_the_axes_and_every_measured_method_is_a_point(tmp_path: Path) -> None:
    drawn = _drawn(example(), tmp_path, "#pareto&x=latency_32&y=saved&floors=1")
    assert "Latency, batch 32" in re.findall(r'class="title"[^>]*>([^<]*)<', drawn)[1]
    plot = drawn[drawn.index('id="pareto-plot"') : drawn.index('id="pareto-missing"')]
    assert plot.count('class="point ') == 10
    assert plot.count('class="ring"') == 1


def test_many_methods_and_many_labels_are_drawn(tmp_path: Path) -> None:
    drawn = _drawn(with_methods(25), tmp_path)
    assert drawn.count('class="point ') == 25
    legend = drawn[drawn.index('id="curves-key"') :]
    assert legend[: legend.index("</section>")].count('aria-pressed="true"') == 6
    heat = _drawn(with_labels(77), tmp_path)
    assert 'class="tip"' in heat
