"""When to stop: a model that is made smaller step by step is held against what it was, on dev."""

from __future__ import annotations

from leantune.core.measured import Latency, Point
from leantune.kinds.compressor import Workshop
from leantune.models.network import Network, parameter_count
from leantune.scores.bootstrap import difference


class Way:
    """The models on the way, measured."""

    def __init__(self, shop: Workshop, network: Network, margin: float) -> None:
        """`margin`: points of dev score that may be lost."""
        self.shop, self.margin = shop, margin
        self.before, self.first = shop.tally(network), shop.latency(network)
        self.params = parameter_count(network)
        self.curve = [Point(step="as trained", dev=self.before.score(), model_params=self.params, latency_ms=self.first)]

    def look(self, step: str, network: Network, *, targeted: bool, latency: Latency | None = None) -> bool:
        """Measure a model; whether dev supports that no more than the margin is lost (paired bootstrap over rows, 90 %).

        Args:
            step: what was done.
            network: what is left.
            targeted: whether it stays anyhow.
            latency: where it is known already.
        """
        tally = self.shop.tally(network)
        good = difference([tally], [self.before]).interval.low > -self.margin / 100
        found = Point(
            step=step,
            dev=tally.score(),
            model_params=parameter_count(network),
            latency_ms=latency or self.shop.latency(network),
            kept=good or targeted,
        )
        self.curve.append(found)
        return good
