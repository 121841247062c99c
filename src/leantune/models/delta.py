"""Delta: what must be stored for one task, as files that plain `peft`, `transformers` and `sentence-transformers` read.

    adapter_config.json + adapter_model.safetensors     a body wrapped by `peft`, or changed in place with a carrier
    quantization_config.json                            how the base below it is packed, where it is
    config.json + model.safetensors                     the whole model, where neither holds
    config.json + model.onnx                            one graph for everything
    2_Dense/                                            the head, where it is outside the body
    soft_tokens.safetensors                             the vectors of a prompt's soft tokens

The base model is only referred to. Read back on a fresh base, the logits are the same to the last bit (float32, not merged).
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import PeftConfig, PeftModel, PromptLearningConfig, get_peft_model_state_dict
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from peft.utils.other import ModulesToSaveWrapper
from peft.utils.peft_types import PeftType
from torch import Tensor, nn
from transformers import AutoConfig

from leantune.core.errors import ArtifactError
from leantune.models.adaptation import Adaptation
from leantune.models.adapter_file import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_config, put_adapter
from leantune.models.base import Base, load_pretrained, pooling_of
from leantune.models.build import anatomy_of_graph, build_network, layout, skeleton_of
from leantune.models.four_bit import is_packed, read_packing, write_packing
from leantune.models.heads import HeadSpec
from leantune.models.locate import Location
from leantune.models.network import Network
from leantune.models.onnx_model import OnnxBody, as_network, find_onnx, read_onnx, write_onnx
from leantune.models.quiet import quiet
from leantune.models.soft_tokens import FILE as SOFT_TOKENS
from leantune.models.soft_tokens import SoftTokens, write_soft_tokens
from leantune.models.surgery import NOTHING
from leantune.models.tensor_file import read_tensors, write_tensors
from leantune.models.tying import untied
from leantune.models.untrusted import refuse_swollen
from leantune.models.verbalizer import Verbalizer

HEAD = "2_Dense"
_PREFIX = "base_model.model."


def write_delta(network: Network, adaptation: Adaptation, base: Base, folder: Path) -> None:
    """Store what was trained; the network stays as it is.

    Raises:
        ArtifactError: E-ARTIFACT when a trained parameter would be lost.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(network.body, OnnxBody):
        write_onnx(network.body, folder)
    elif isinstance(network.body, PeftModel):
        config = network.body.peft_config["default"]
        state = get_peft_model_state_dict(network.body, save_embedding_layers=False)
        _with_heads(state, network)
        _write_adapter(state, _explicit(config, network.body), base, folder)
        if base.packing is not None:
            write_packing(network.body.get_base_model(), folder)
    elif adaptation.carrier is not None:
        _write_adapter(_carried(network.body, adaptation), adaptation.carrier, base, folder)
    else:
        _write_whole(network.body, base, folder)
    _write_outer(network, folder)


def _write_outer(network: Network, folder: Path) -> None:
    """What stands outside of the body."""
    if network.head is not None:
        write_head(network.head, folder / HEAD)
    if network.soft is not None:
        write_soft_tokens(network.soft, folder)


def read_delta(base: Base, folder: Path, head: HeadSpec, *, merge: bool = True, packed: bool = True) -> Network:
    """Put a stored delta on a fresh base, ready to predict.

    Args:
        base: the base model it was trained on.
        folder: what `write_delta` wrote.
        head: what the task wants.
        merge: fold the update into the weights where the method allows it (same logits within 1e-5, no extra time).
        packed: put an adapter that was trained on a base in 4 bits on such a one, where nothing can be folded in.

    Raises:
        ArtifactError: E-ARTIFACT when files are missing, damaged or of another base.
    """
    if (graph := find_onnx(folder)) is not None:
        return _read_graph(standing(base, folder), graph, head)
    pooled = (folder / HEAD).is_dir()
    prepends = pooled and layout(base, head.kind) == "stock"
    adapter = (folder / ADAPTER_CONFIG).is_file()
    if not adapter and not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder}: neither {ADAPTER_CONFIG} nor config.json is there. Copy the whole folder again.", "E-ARTIFACT")
    origin = replace(base, packing=read_packing(folder) if packed else None) if adapter else standing(base, folder)
    with torch.random.fork_rng(devices=[]):
        if not adapter:
            refuse_swollen(folder, skeleton_of(origin, head, prepends=prepends), sorted(folder.glob("*.safetensors")))
        network = build_network(origin, head, seed=0, prepends=prepends, whole=not adapter)
        if adapter:
            adapted = put_adapter(network.body, folder)
            network.body = (merged(adapted) if merge else None) or adapted
    if network.head is not None:
        read_head(network.head, folder / HEAD)
    if not adapter and not all(value.isfinite().all() for value in network.body.parameters() if value.is_floating_point()):
        raise ArtifactError(f"{folder}: the weights hold numbers that are not finite. Train again at a lower rate.", "E-ARTIFACT")
    if network.soft is not None:
        network.soft = SoftTokens(network.soft.vectors)  # an encoder was for the training
        _fit(network.soft, read_tensors(folder / SOFT_TOKENS), folder)
    return network.eval()


def _read_graph(origin: Base, graph: Path, head: HeadSpec) -> Network:
    """A graph, read by the words of the labels where there are such."""
    words = Verbalizer(head.words, head.priors) if head.words and not head.anchored else None
    return as_network(read_onnx(graph, origin.config), anatomy_of_graph(origin, head), words)


def standing(base: Base, folder: Path) -> Base:
    """A model that stands for itself in a folder, which may be smaller than its base was, or another one."""
    place = Location(base.name, str(folder), local=True)
    config = load_pretrained(AutoConfig, place)
    return replace(base, location=place, config=config, pooling=pooling_of(config, base.pooling), packing=None)


@dataclass(frozen=True)
class AdapterKind:
    """What sort of adapter a folder holds."""

    name: str
    """Its type, as `peft` calls it."""
    prompts: bool
    """Whether virtual tokens stand before the text."""
    module: str | None
    """The module of ours that defines the type; None for `peft`'s own."""


def adapter_kind(folder: Path) -> AdapterKind | None:
    """The kind of the adapter in a folder, or None where a whole model is stored."""
    file = folder / ADAPTER_CONFIG
    if not file.is_file():
        return None
    name = str(adapter_config(file)["peft_type"])
    module = str(PEFT_TYPE_TO_TUNER_MAPPING[PeftType[name]].__module__)
    prompts = issubclass(PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[name]], PromptLearningConfig)
    return AdapterKind(name, prompts, None if module.startswith("peft.") else module)


def delta_bytes(folder: Path) -> int:
    """Bytes of all files of a delta."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def write_whole(network: Network, base: Base, folder: Path) -> None:
    """Store a network without adapters as a whole model, whatever was trained."""
    write_delta(network, Adaptation(network.body, frozenset()), base, folder)


def write_standing(network: Network, base: Base, folder: Path) -> None:
    """Store what was trained as a whole model, on a base that nobody else has; adapters are folded in, the network stays as it is.

    Raises:
        ArtifactError: E-ARTIFACT where an adapter cannot be folded in.
    """
    body: nn.Module | None = network.body
    if isinstance(body, PeftModel) and (body := merged(copy.deepcopy(body))) is None:
        raise ArtifactError(
            "What was trained cannot be folded into the weights, and its base with other layers is kept nowhere.", "E-ARTIFACT"
        )
    assert body is not None
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(body, OnnxBody):
        write_onnx(body, folder)
    else:
        _write_whole(body, base, folder)
    _write_outer(network, folder)


def is_plain(network: Network) -> bool:
    """Whether the body is a plain transformer: nothing of `peft` is left in it, and it is no graph."""
    return not isinstance(network.body, PeftModel | OnnxBody)


def merged(body: nn.Module) -> nn.Module | None:
    """The plain transformer with the adapter folded in, or None when the method cannot be folded in, or not into 4 bits."""
    if not isinstance(body, PeftModel) or body.active_peft_config.is_prompt_learning or is_packed(body.get_base_model().config):
        return None
    try:
        body.base_model._check_merge_allowed()
        _unwrap_saved_modules(body)
        with quiet():
            return body.merge_and_unload()  # type: ignore[no-any-return, operator]
    except (NotImplementedError, AttributeError, TypeError, ValueError):
        return None


def _unwrap_saved_modules(body: nn.Module) -> None:
    """Put whole saved modules (heads) in their places; several tuners of `peft` stumble over those of more than one layer."""
    for path, module in list(body.named_modules()):
        if isinstance(module, ModulesToSaveWrapper):
            plain = module.unload_and_optionally_merge_module(merge=True, safe_merge=False, adapter_names=None)
            body.set_submodule(path, plain)


def write_head(head: nn.Linear, folder: Path) -> None:
    """The head as the `Dense` module of sentence-transformers, without activation."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "in_features": head.in_features,
        "out_features": head.out_features,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
        "module_input_name": "sentence_embedding",
        "module_output_name": "sentence_embedding",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tensors({f"linear.{name}": value for name, value in head.state_dict().items()}, folder / "model.safetensors")


def read_head(head: nn.Linear, folder: Path) -> None:
    """Fill `head` from a `Dense` folder."""
    state = {name.removeprefix("linear."): value for name, value in read_tensors(folder / "model.safetensors").items()}
    _fit(head, state, folder)


def _write_adapter(state: dict[str, Tensor], config: PeftConfig, base: Base, folder: Path) -> None:
    stored = copy.deepcopy(config)
    stored.base_model_name_or_path = base.location.source
    stored.revision = base.location.revision
    stored.inference_mode = True
    for name, value in vars(stored).items():
        if isinstance(value, set):
            setattr(stored, name, sorted(value))  # a set has another order in every process, and the file other bytes
    stored.save_pretrained(folder)
    write_tensors(state, folder / ADAPTER_WEIGHTS)


def _write_whole(body: nn.Module, base: Base, folder: Path) -> None:
    with quiet():
        untied(body).save_pretrained(folder)  # type: ignore[operator]
    file = folder / "config.json"
    config, before = json.loads(file.read_text(encoding="utf-8")), base.config.to_dict()
    config |= {key: before[key] for key in config if "drop" in key and key in before}
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _carried(body: nn.Module, adaptation: Adaptation) -> dict[str, Tensor]:
    """The changed parameters of a body that is not wrapped, named as `peft` names them.

    The file is built by hand because wrapping the body would replace modules of the live network.
    """
    modules = getattr(adaptation.carrier, "modules_to_save", None) or ()
    inside = re.compile(r"(^|.*\.)(" + "|".join(re.escape(name) for name in modules) + r")\..*") if modules else None
    state = {name: value for name, value in body.state_dict().items() if name in adaptation.trainable or (inside and inside.match(name))}
    biases = getattr(adaptation.carrier, "bias", "none") == "all"
    lost = [name for name in adaptation.trainable if not (inside and inside.match(name)) and not (biases and name.endswith("bias"))]
    if lost:
        raise ArtifactError(f"The carrier of this method does not store {sorted(lost)[0]}, which was trained.", "E-ARTIFACT")
    return {f"{_PREFIX}{name}": value for name, value in state.items()}


def _with_heads(state: dict[str, Tensor], network: Network) -> None:
    lost = [head for head in network.anatomy.heads if not any(f".{head}." in name for name in state)]
    if lost:
        raise ArtifactError(f"This method's adapter does not store the freshly initialised {lost[0]}, so it would be lost.", "E-ARTIFACT")


def _explicit(config: PeftConfig, body: PeftModel) -> PeftConfig:
    """Targets as a list of module paths: a regular expression in a file could hang the reader."""
    targets = getattr(config, "target_modules", None)
    if not isinstance(targets, str) or targets == NOTHING:
        return config
    names = list(body.base_model.targeted_module_names)
    stored = copy.deepcopy(config)
    feedforward = getattr(config, "feedforward_modules", None)
    if isinstance(feedforward, str):
        stored.feedforward_modules = {name for name in names if re.fullmatch(feedforward, name)}  # type: ignore[attr-defined]
    stored.target_modules = set(names)  # type: ignore[attr-defined]
    for field in ("exclude_modules", "layers_to_transform", "layers_pattern"):
        if hasattr(stored, field):
            setattr(stored, field, None)
    return stored


def _fit(module: nn.Module, state: dict[str, Tensor], place: Path) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ArtifactError(f"{place}: does not fit the model: {str(error).strip().splitlines()[-1].strip()}", "E-ARTIFACT") from error
