"""What the bottleneck adapters share: options, cost and attachment. The members say where and how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from leantune.kinds.method import Method, Rates
from leantune.models.places import Layers, Sites, missing
from leantune.models.surgery import exactly, wrap

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy, Site

BodyName = Literal["linear", "bottleneck", "attention"]
Activation = Literal["relu", "gelu", "silu", "tanh"]
Init = Literal["zero", "small"]

BEGINNINGS = {"ffn_out": "ffn_in", "attention_out": "value"}
"""Where the sub-layer that ends at a site begins; any other site is a sub-layer of its own. DeBERTa calls query and key more than
once, so the attention part is read at value."""


class AdapterMethod(Method):
    """Options of every bottleneck adapter."""

    reduction: int = Field(default=16, ge=1)
    """The bottleneck is the layer's width divided by this."""
    width: int | None = Field(default=None, ge=1)
    """Width of the bottleneck; overrules `reduction`."""
    body: BodyName = "bottleneck"
    """What the adapter computes: a `linear` map, a `bottleneck`, or `attention` over the tokens of the row."""
    activation: Activation = "relu"
    """Between the two maps of a bottleneck: relu, gelu, silu or tanh."""
    init: Init = "zero"
    """`zero` writes nothing at first; `small` draws both maps with a deviation of 0.001, as the first adapters did."""
    scale: float = Field(default=1.0, gt=0)
    """Factor of what the adapter adds."""
    sites: Sites = ("ffn_out",)
    """The linear maps that get an adapter: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that get adapters; all when not given; negative numbers count from the top. Without adapters in the lower layers
    training is faster: nothing is computed backwards below the lowest one."""

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have, and tokens meeting inside the attention."""
        if self.body == "attention" and {"query", "key", "value"} & set(self.sites):
            return "an adapter with an attention body stands behind attention_out, ffn_in or ffn_out"
        return missing(anatomy, self.sites, self.layers)

    def rates(self, anatomy: Anatomy) -> Rates:
        """Narrow bodies take larger steps."""
        return self.card.rates.for_width(anatomy.hidden)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The linear maps that get an adapter."""
        return anatomy.at(self.sites, self.layers)

    def entry(self, anatomy: Anatomy, site: Site) -> Site | None:
        """The linear map whose input the adapter at `site` reads; None when it reads what the site puts out."""
        del anatomy, site
        return None

    def norms(self, anatomy: Anatomy) -> tuple[str, ...]:
        """Norms that are trained beside the adapters."""
        del anatomy
        return ()

    def cost(self, anatomy: Anatomy) -> int:
        """The bodies of all adapters, and the norms that go with them."""
        bodies = 0
        for site in self.places(anatomy):
            entry = self.entry(anatomy, site)
            inputs = entry.inputs if entry else site.outputs
            bodies += body_size(self.body, inputs, site.outputs, self.width or max(1, site.outputs // self.reduction))
        return bodies + anatomy.size(self.norms(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to the BOTTLENECK tuner."""
        anatomy = target.anatomy
        places = self.places(anatomy)
        entries = {site.path: entry.path for site in places if (entry := self.entry(anatomy, site))}
        options = self.model_dump(include={"body", "reduction", "width", "activation", "init", "scale"}) | {
            "causal": anatomy.causal,
            "entries": entries or None,
            "target_modules": exactly(places),
            "modules_to_save": list(self.norms(anatomy)) or None,
        }
        return wrap(target, "bottleneck", options, seed=seed)


def body_size(kind: str, inputs: int, outputs: int, width: int) -> int:
    """Parameters of one adapter body."""
    if kind == "linear":
        return inputs * outputs + outputs
    inner = inputs * width + width if kind == "bottleneck" else 3 * inputs * width
    return inner + width * outputs + outputs
