"""Every tuner of the installed `peft` by its own name and options.

    peft.oft(r=8)        peft.loha(r=4, alpha=8)        peft.boft(boft_block_size=4, target_modules=[query, value])

    y = T(x; W, theta)        W frozen, theta as the tuner defines it

Trains      what the tuner declares; counted on a skeleton.    At start   most tuners leave the model unchanged.
Afterwards  as the tuner allows.                               Reference  https://huggingface.co/docs/peft
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from leantune.core.errors import SpecError, unknown_name
from leantune.kinds.method import Card, Method, Rates
from leantune.methods import _tuners
from leantune.models.adaptation import Target
from leantune.models.places import NAMES
from leantune.models.rank_budget import RankBudget
from leantune.models.surgery import config_class, exactly, tuner_names, wrap

if TYPE_CHECKING:
    from leantune.core.expressions import Call
    from leantune.models.adaptation import Adaptation
    from leantune.models.anatomy import Anatomy

OURS = ("task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "total_step")
"""Options of every configuration that are set here and not by the user."""
TOKENS = 16
"""Virtual tokens of a prompt tuner when the user does not say."""
ORTHOGONALITY = 0.1
"""Weight of AdaLoRA's penalty when the user does not say, as in its paper."""
FAILURES = (ValueError, TypeError, AttributeError, RuntimeError, KeyError, IndexError, NotImplementedError, AssertionError)
"""What tuners raise when they do not fit a model."""


class PeftTuner(Method):
    """Any tuner of the installed peft."""

    tuner: str
    """Name of the tuner, as `peft` spells it in lower case."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the tuner's own configuration; `target_modules` takes our site names too and is query and value when not given."""

    card: ClassVar[Card] = Card(
        title="any tuner of peft",
        paper="https://huggingface.co/docs/peft",
        when="to try any other method of the installed peft beside these: peft.oft(r=8), peft.loha(r=4) ...",
        rates=Rates(low=1e-4, start=5e-4, high=3e-3),
    )

    @classmethod
    def from_call(cls, call: Call) -> Self:
        """The tuner after the dot; its options are checked against its own configuration."""
        name = call.name.partition(".")[2]
        known = [name for name in tuner_names() if name not in _tuners.REFUSED]
        if name in _tuners.REFUSED:
            raise SpecError(f"peft.{name} cannot be compared here: {_tuners.REFUSED[name]}.", "E-METHOD")
        if not name:
            raise SpecError(f"peft: name a tuner, for example peft.oft(r=8). All: {', '.join(known)}.", "E-NAME")
        if name not in known:
            raise unknown_name("tuner of peft", name, known)
        if call.args:
            raise SpecError(f"peft.{name}: write every option with its name, for example peft.{name}(name=value).", "E-OPTION")
        _check(name, call.kwargs)
        return _member(name)(tuner=name, options=call.kwargs)  # type: ignore[return-value]

    def tuner_options(self) -> list[tuple[str, Any, str]]:
        """Name, default and meaning of every option of the tuner, in the words of `peft`."""
        fields = [field for field in dataclasses.fields(config_class(self.tuner)) if field.init and field.name not in OURS]
        return [(field.name, _default(field), " ".join(str(field.metadata.get("help", "")).split())) for field in fields]

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """What the tuner itself says when it is put on this body."""
        if not anatomy.blocks:
            return f"{anatomy.architecture} has no layers that an adapter could go into"
        if self.tuner == "prefix_tuning" and not anatomy.takes_cache:
            return f"{anatomy.architecture} takes no past keys and values, which a prefix is"
        if anatomy.heads and self.tuner not in _tuners.PROMPTS and "modules_to_save" not in _fields(self.tuner):
            return f"its adapter cannot store the new {anatomy.heads[0]}; with --pooling mean the head stands outside and it can"
        try:
            self.cost(anatomy)
        except FAILURES as error:
            return f"peft refuses: {str(error).strip().splitlines()[0][:200]}" if str(error) else f"peft refuses: {type(error).__name__}"
        return None

    def virtual_tokens(self) -> int:
        """Positions that a prompt tuner takes."""
        return int(self.options.get("num_virtual_tokens", TOKENS)) if self.tuner in _tuners.PROMPTS else 0

    def cost(self, anatomy: Anatomy) -> int:
        """Counted on a skeleton without weights, or with random ones where the tuner must compute with them."""
        import torch

        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"):
                    return self._count(anatomy)
            except FAILURES:
                return self._count(anatomy)

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`."""
        adapted = wrap(target, self.tuner, self._settings(target), seed=seed)
        if self.tuner != "adalora":
            return adapted
        budget = RankBudget(adapted.body, self.options.get("orth_reg_weight", ORTHOGONALITY), target.steps)
        return dataclasses.replace(adapted, penalty=budget.penalty, after_step=budget.after_step, own=budget)

    def _count(self, anatomy: Anatomy) -> int:
        body = anatomy.skeleton()
        task = "SEQ_CLS" if anatomy.heads else "FEATURE_EXTRACTION"
        adapted = self.attach(Target(body, anatomy, task, steps=100), seed=0)
        inside = [name for name in adapted.trainable if not any(f".{head}." in name for head in anatomy.heads)]
        sizes = {name: parameter.numel() for name, parameter in adapted.body.named_parameters()}
        return sum(sizes[name] for name in inside)

    def _settings(self, target: Target) -> dict[str, Any]:
        """The user's options, with our targets and what the tuner cannot do without."""
        anatomy, fields = target.anatomy, _fields(self.tuner)
        given = _complete(self.tuner, self.options)
        sites = given.get("target_modules")
        words = [sites] if isinstance(sites, str) else sites
        if "target_modules" in fields and (words is None or all(word in NAMES for word in words)):
            given["target_modules"] = _default_targets(self.tuner, anatomy) if words is None else exactly(anatomy.at(words))
        if self.tuner == "ia3" and "feedforward_modules" not in given:
            given["feedforward_modules"] = exactly(anatomy.at(["ffn_out"] if words is None or "ffn_out" in words else []))
        if self.tuner in _tuners.PROMPTS:
            given.setdefault("num_virtual_tokens", TOKENS)
        if self.tuner in ("prompt_tuning", "p_tuning"):
            shape = {"token_dim": anatomy.embedding_width, "num_layers": anatomy.layers_run, "num_attention_heads": anatomy.attention_heads}
            given = shape | {"num_transformer_submodules": 1} | given
        if (divisor := _tuners.DIVISORS.get(self.tuner)) and divisor not in given:
            given[divisor] = _divisor(anatomy, most=getattr(config_class(self.tuner), divisor))
        if "total_step" in fields:
            given["total_step"] = max(target.steps, 1)
        return given


def _default_targets(tuner: str, anatomy: Anatomy) -> Any:
    if tuner == "ln_tuning":
        return list(anatomy.norms)
    if tuner == "trainable_tokens":
        return [anatomy.embeddings]
    kinds = {"ia3": ["key", "value", "ffn_out"], "beft": ["value"]}.get(tuner, ["query", "value"])
    return exactly(anatomy.at(kinds))


def _complete(tuner: str, options: dict[str, Any]) -> dict[str, Any]:
    """With the options that must change when another one is given."""
    companions: dict[str, Any] = {}
    for name in options:
        companions |= _tuners.COMPANIONS.get((tuner, name), {})
    return companions | options


def _divisor(anatomy: Anatomy, *, most: int) -> int:
    """The largest block of at most `most` into which every width of the body falls."""
    common = math.gcd(*(width for site in anatomy.sites for width in (site.inputs, site.outputs)))
    return max(number for number in range(1, most + 1) if common % number == 0)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return getattr(field.default, "value", field.default)
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def _fields(tuner: str) -> list[str]:
    return [field.name for field in dataclasses.fields(config_class(tuner)) if field.init]


def _check(tuner: str, options: dict[str, Any]) -> None:
    """Names against the configuration, and its own rules for the values."""
    fields = [name for name in _fields(tuner) if name not in OURS]
    defaults = {field.name: _default(field) for field in dataclasses.fields(config_class(tuner))}
    for name, value in options.items():
        if name not in fields:
            raise unknown_name(f"option of peft.{tuner}", name, fields, code="E-OPTION")
        if isinstance(defaults[name], int | float) and isinstance(value, str):
            raise SpecError(f'peft.{tuner}: {name} is a number or a switch, {defaults[name]} when not given. Got "{value}".', "E-RANGE")
    missing = [name for name in _tuners.NEEDED.get(tuner, ()) if name not in options]
    if missing:
        raise SpecError(f"peft.{tuner}: the option {missing[0]} is needed.", "E-OPTION")
    needed = {"total_step": 100} if "total_step" in _fields(tuner) else {}
    try:
        config_class(tuner)(**_complete(tuner, options), **needed)
    except FAILURES as error:
        raise SpecError(f"peft.{tuner}: {str(error).strip().splitlines()[0][:300]}", "E-RANGE") from None


@cache
def _member(tuner: str) -> type[PeftTuner]:
    """The method class of one tuner, with the tuner's own card."""
    return type(f"Peft_{tuner}", (PeftTuner,), {"card": _tuners.card(tuner), "__module__": __name__, "__doc__": PeftTuner.__doc__})


MEMBER = PeftTuner
