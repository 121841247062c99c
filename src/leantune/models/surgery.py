"""Surgery: putting a `peft` tuner into a body, or describing parameters changed in place as a `peft` adapter.

    wrap(target, "lora", {"r": 8}, seed=1)   ->  Adaptation    heads inside the body are trained and saved with it
    carrier(target, modules=["norm"])        ->  LoraConfig    targets nothing; stores the named modules (and biases)

The door to `peft` for methods. It is imported only when a body is changed, so that a method's options and costs are known
in a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from leantune.core import catalogue
from leantune.core.errors import unknown_name
from leantune.models.adaptation import Adaptation, Target

if TYPE_CHECKING:
    from peft import PeftConfig

    from leantune.models.anatomy import Site

NOTHING = "dummy-target-modules"
"""`peft`'s own constant for a LoRA that targets nothing (X-LoRA uses it); undocumented, so a contract test pins it."""


def exactly(sites: Iterable[Site]) -> str:
    """A regular expression for `target_modules` that matches the sites only (a list would match by suffix)."""
    paths = "|".join(site.path.replace(".", r"\.") for site in sites)
    return rf"(.*\.)?({paths})" if paths else NOTHING


def is_tuner(name: str) -> bool:
    """Whether `peft`, we or an installed third party have a tuner of this name (lower case)."""
    from peft.utils.peft_types import PeftType

    import leantune.models.bottleneck  # noqa: F401  registers our tuner

    if name.upper() not in PeftType.__members__:
        catalogue.load_foreign("methods")
    return name.upper() in PeftType.__members__


def config_class(tuner: str) -> Any:
    """The configuration class of a tuner by its `peft` name in lower case.

    Raises:
        SpecError: E-NAME for a tuner that nobody has registered.
    """
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    from peft.utils.peft_types import PeftType

    if not is_tuner(tuner):
        raise unknown_name("tuner", tuner, tuner_names())
    return PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[tuner.upper()]]


def tuner_names() -> list[str]:
    """All tuners of the installed `peft`, ours left out."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return sorted(name for kind in PEFT_TYPE_TO_CONFIG_MAPPING if (name := kind.value.lower()) != "bottleneck")


def wrap(
    target: Target, tuner: str, options: Mapping[str, Any], *, seed: int, attributes: Mapping[str, Any] = MappingProxyType({})
) -> Adaptation:
    """Wrap the body by `peft`; what `peft` trains is what is trained, heads inside the body included.

    Args:
        target: the body.
        tuner: name of the tuner in lower case, such as "lora".
        options: fields of its configuration.
        seed: of the new parameters.
        attributes: of that configuration, for what is no field of it and is not stored.
    """
    import torch
    from peft import get_peft_model

    from leantune.models.quiet import quiet

    torch.manual_seed(seed)
    with quiet():
        config = config_class(tuner)(task_type=target.task_type, **options)
        for name, value in attributes.items():
            setattr(config, name, value)
        if hasattr(config, "modules_to_save"):
            config.modules_to_save = sorted({*(config.modules_to_save or ()), *target.anatomy.heads}) or None
        body = get_peft_model(target.body, config)
    return Adaptation(body, frozenset(name for name, parameter in body.named_parameters() if parameter.requires_grad))


def in_place(target: Target, names: Iterable[str], carrier: PeftConfig | None) -> Adaptation:
    """Train the named parameters of the body as it stands, and its heads."""
    return Adaptation(target.body, frozenset(names) | below(target, target.anatomy.heads), carrier)


def below(target: Target, paths: Iterable[str]) -> frozenset[str]:
    """Names of the body's parameters at or below the module paths."""
    prefixes = tuple(f"{path}." for path in paths)
    return frozenset(name for name, _ in target.body.named_parameters() if name.startswith(prefixes))


def carrier(target: Target, modules: Iterable[str] = (), *, biases: bool = False) -> PeftConfig:
    """The adapter configuration that stores whole modules, and all biases when asked, of a body changed in place."""
    stored = sorted({*modules, *target.anatomy.heads})
    options = {"target_modules": NOTHING, "modules_to_save": stored or None, "bias": "all" if biases else "none"}
    return config_class("lora")(task_type=target.task_type, **options)
