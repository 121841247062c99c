"""Tuners of our own and of third parties inside `peft`.

    add_tuner("gain", GainConfig, GainModel)      PeftModel.from_pretrained reads GAIN folders from now on

`peft` lists its tuners in a closed enum; a name must be a member of it before `peft` takes the tuner.
"""

from __future__ import annotations

from typing import Any

from peft.utils.peft_types import PeftType, register_peft_method


def add_tuner(name: str, config_class: type[Any], model_class: type[Any]) -> None:
    """Make a tuner known to `peft`; a second call with the same name does nothing.

    Args:
        name: in lower case and unique; `model_class.prefix` must be the name and an underscore.
        config_class: a dataclass on `PeftConfig` that sets `peft_type = PeftType[name.upper()]` when built.
        model_class: a `BaseTuner`.
    """
    key = name.upper()
    if key in PeftType.__members__:
        return
    member = str.__new__(PeftType, key)
    member._name_ = member._value_ = key
    PeftType._member_map_[key] = PeftType._value2member_map_[key] = member
    PeftType._member_names_.append(key)
    type.__setattr__(PeftType, key, member)
    register_peft_method(name=name, config_cls=config_class, model_cls=model_class)
