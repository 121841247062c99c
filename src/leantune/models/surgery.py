"""Surgery: putting a `peft` method into a body, or describing changed parameters as a `peft` adapter.

wrap(target, LoraConfig(...), seed=1)   ->  Adaptation    heads inside the body are trained and saved with it
carrier(target, modules=["norm"])       ->  LoraConfig    targets nothing; stores the named modules (and biases)
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from peft import LoraConfig, PeftConfig, get_peft_model

import leantune.models.bottleneck  # noqa: F401  registers the tuner, so that its adapters can be read wherever others can
from leantune.models.adaptation import Adaptation, Target
from leantune.models.anatomy import Site
from leantune.models.quiet import quiet

NOTHING = "dummy-target-modules"
"""`peft`'s own constant for a LoRA that targets nothing (X-LoRA uses it); undocumented, so a contract test pins it."""


def exactly(sites: Iterable[Site]) -> str:
    """A regular expression for `target_modules` that matches the sites only (a list would match by suffix)."""
    paths = "|".join(site.path.replace(".", r"\.") for site in sites)
    return rf"(.*\.)?({paths})" if paths else NOTHING


def wrap(target: Target, config: PeftConfig, *, seed: int) -> Adaptation:
    """Wrap the body by `peft`; what `peft` trains is what is trained, heads inside the body included."""
    config.task_type = target.task_type
    if hasattr(config, "modules_to_save"):
        config.modules_to_save = sorted(set(config.modules_to_save or ()) | set(target.anatomy.heads)) or None
    torch.manual_seed(seed)
    with quiet():
        body = get_peft_model(target.body, config)
    return Adaptation(body, frozenset(name for name, parameter in body.named_parameters() if parameter.requires_grad))


def in_place(target: Target, names: Iterable[str], carrier: PeftConfig | None) -> Adaptation:
    """Train the named parameters of the body as it stands, and its heads."""
    body, heads = target.body, target.anatomy.heads
    fresh = {name for name, _ in body.named_parameters() if any(name.startswith(f"{head}.") for head in heads)}
    return Adaptation(body, frozenset(names) | fresh, carrier)


def below(target: Target, paths: Iterable[str]) -> frozenset[str]:
    """Names of the body's parameters at or below the module paths."""
    prefixes = tuple(f"{path}." for path in paths)
    return frozenset(name for name, _ in target.body.named_parameters() if name.startswith(prefixes))


def carrier(target: Target, modules: Iterable[str] = (), *, biases: bool = False) -> LoraConfig:
    """The adapter configuration that stores whole modules, and all biases when asked, of a body changed in place."""
    stored = sorted(set(modules) | set(target.anatomy.heads))
    bias = "all" if biases else "none"
    return LoraConfig(task_type=target.task_type, target_modules=NOTHING, modules_to_save=stored or None, bias=bias)
