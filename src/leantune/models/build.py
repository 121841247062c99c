"""Building: the weights of a base with the head of a task on them, ready for a method.

    build_network(base, head, ...)       body + head
    anatomy_of(base, head)               where things are in that body, without weights

Layouts. *stock*: the family's own class with the head it brings. *pooled*: a bare encoder whose token states are pooled (mean,
cls, last) into a linear head; sentence encoders use it, because their stock head would read a pooler that was never trained.
*tokens*: a linear head on every token state, where virtual tokens stand before the text or the family has no such class.
*asked*: the family's own class over the vocabulary, read at the masks of a prompt by a linear head.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
)

from leantune.core.errors import SpecError
from leantune.models.anatomy import Anatomy, anatomy
from leantune.models.base import Base, load_pretrained
from leantune.models.four_bit import loading, trainable
from leantune.models.heads import VOCABULARY, HeadKind, HeadSpec, is_transducer
from leantune.models.locate import Location
from leantune.models.network import ASKED, Network
from leantune.models.soft_tokens import start_soft_tokens
from leantune.models.sought import ends_in_layer, output_embedding
from leantune.models.tying import tied
from leantune.models.untrusted import refuse_unfit
from leantune.models.verbalizer import Verbalizer, start_from_words

_STOCK: dict[str, Any] = {
    "sequence": AutoModelForSequenceClassification,
    "token": AutoModelForTokenClassification,
    "span": AutoModelForQuestionAnswering,
    "masked": AutoModelForMaskedLM,
}


def stock(config: PretrainedConfig, kind: HeadKind) -> Any:
    """The class of `transformers` that brings a head of this kind."""
    if kind == "text":
        return AutoModelForSeq2SeqLM if is_transducer(config) else AutoModelForCausalLM
    return _STOCK[kind]


def has_stock(config: PretrainedConfig, kind: HeadKind) -> bool:
    """Whether the family has a class with a head of this kind."""
    return type(config) in stock(config, kind)._model_mapping


def layout(base: Base, kind: HeadKind, *, prepends: bool = False) -> str:
    """How the head sits on the body: stock, mean, cls or last; stock or tokens where every token is read.

    Virtual tokens before the text would be read by a stock head in place of the text's own, so methods that prepend get
    the pooled layout with the pooling that the stock head has.
    """
    if kind in VOCABULARY:
        return "stock"
    if kind != "sequence":
        return "tokens" if prepends or not has_stock(base.config, kind) else "stock"
    if base.pooling != "stock" or not prepends:
        return base.pooling
    return "last" if is_decoder(base) else getattr(base.config, "classifier_pooling", "cls")


def require(base: Base, kind: HeadKind) -> None:
    """Refuse a base that cannot do what the task wants.

    Raises:
        SpecError: E-MODEL.
    """
    if kind == "text" and not (is_transducer(base.config) or (is_decoder(base) and has_stock(base.config, kind))):
        what = (
            "reads texts but cannot write any: it is an encoder. Choose a decoder (gpt2, Qwen2.5 ...) or an encoder-decoder (t5-small ...)"
        )
        raise SpecError(f"{base.name} {what}, or make one with `leantune init`.", "E-MODEL")
    if kind == "masked" and (base.tokenizer.mask_token_id is None or not has_stock(base.config, kind)):
        what = "has no mask token, so nothing can be hidden from it" if base.tokenizer.mask_token_id is None else "has no masked head"
        raise SpecError(f"{base.name} {what}. Choose a masked language model (bert-base-uncased ...).", "E-MODEL")


def is_decoder(base: Base) -> bool:
    """Whether a token sees only the tokens before it."""
    with torch.device("meta"):
        body = AutoModel.from_config(base.config)
    return any(getattr(part, "is_causal", False) for part in body.modules())


def anatomy_of(base: Base, head: HeadSpec, *, prepends: bool = False) -> Anatomy:
    """The anatomy of the body, read from a skeleton without weights."""
    body = skeleton_of(base, head, prepends=prepends)
    if layout(base, head.kind, prepends=prepends) != "stock":
        return anatomy(body, anchored=head.anchored)
    return anatomy(body, _fresh_of(base.location, head.kind) if head.kind in VOCABULARY else _outer_modules(body))


def skeleton_of(base: Base, head: HeadSpec, *, prepends: bool = False) -> nn.Module:
    """The body with the head that it brings, without any weights."""
    with torch.device("meta"):
        return _empty_body(base, head, layout(base, head.kind, prepends=prepends))


def anatomy_of_graph(base: Base, head: HeadSpec) -> Anatomy:
    """The anatomy of what a graph was made of, from its configuration alone."""
    kind = layout(base, head.kind)
    with torch.device("meta"):
        body = _empty_body(base, head, kind)
    return anatomy(body, _outer_modules(body) if kind == "stock" and head.kind not in VOCABULARY else ())


def build_network(base: Base, head: HeadSpec, *, seed: int, prepends: bool = False, dropout: float = 0.0, whole: bool = False) -> Network:
    """Load the weights and put a fresh head on them, drawn from `seed`.

    Args:
        base: the opened base model.
        head: what the task wants.
        seed: of everything that is drawn.
        prepends: whether virtual tokens will stand before the text.
        dropout: replaces every dropout of the base.
        whole: every tensor of the body must be among the weights, and no other one.

    Raises:
        ArtifactError: E-ARTIFACT for a whole model whose tensors do not fit.
    """
    kind = layout(base, head.kind, prepends=prepends)
    config = _configured(base, head, dropout)
    packed = _packed(base, head, kind)
    torch.manual_seed(seed)
    if kind == "stock":
        body, missing = _load_stock(base.location, head.kind, config, whole=whole, **packed)
        body = tied(body)
        trainable(body)
        if head.kind in VOCABULARY:
            heads = _untied_owners(body, missing)
        else:
            heads = sorted(_owners(body, missing) | set(_outer_modules(body)))
        found = anatomy(body, heads)
        return _worded(body, found, head, seed) if head.words else Network(body, None, kind, found)
    bare, info = load_pretrained(
        AutoModel, base.location, config=config, dtype=torch.float32, output_loading_info=True, **_no_pooler(config), **packed
    )
    if whole:
        refuse_unfit(base.location.source, info["missing_keys"], info["unexpected_keys"])
    body = tied(bare)
    trainable(body)
    outer = outer_head(config.hidden_size, head.outputs)
    return Network(body, outer, kind, anatomy(body, anchored=head.anchored), unit=head.anchored)


def _worded(body: nn.Module, found: Anatomy, head: HeadSpec, seed: int) -> Network:
    """A body that ends in its vocabulary, read by the words of the labels."""
    if head.soft:
        output = output_embedding(body)
        outer = outer_head(output.weight.shape[1], head.outputs)
        start_from_words(outer, output, head.words)
        network = Network(body, outer, ASKED, found)
    else:
        network = Network(body, None, "stock", found, Verbalizer(head.words, head.priors))
    if head.soft_tokens is not None:
        network.soft = start_soft_tokens(body, head.soft_tokens, seed=seed)
    return network


def outer_head(width: int, outputs: int) -> nn.Linear:
    """A fresh linear head, to stand outside of a body."""
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


def build_embedder(base: Base) -> nn.Module:
    """The bare encoder with its own weights and nothing on top, as it is; of an encoder-decoder its encoder."""
    body: nn.Module = load_pretrained(AutoModel, base.location, dtype=torch.float32, **_no_pooler(base.config))
    return body.get_encoder() if is_transducer(base.config) else body  # type: ignore[operator, no-any-return]


def _packed(base: Base, head: HeadSpec, kind: str) -> dict[str, Any]:
    """What packs the maps of the body while it is read, where the base is to be in 4 bits."""
    if base.packing is None:
        return {}
    with torch.device("meta"):
        skeleton = _empty_body(base, head, kind)
    return loading(skeleton, anatomy(skeleton).blocks, base.packing)


def _load_stock(
    location: Location, kind: HeadKind, config: PretrainedConfig, *, whole: bool = False, **options: Any
) -> tuple[nn.Module, set[str]]:
    """The family's own class with the weights, and the parameters that were not among them."""
    body, info = load_pretrained(
        stock(config, kind),
        location,
        config=config,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **options,
    )
    missing = {*info["missing_keys"], *(key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"])}
    if whole:
        refuse_unfit(location.source, missing, info["unexpected_keys"])
    return body, missing


def lacks_head(base: Base, kind: HeadKind) -> bool:
    """Whether the checkpoint has no trained head over the vocabulary, so that its words would be drawn at random."""
    return bool(_fresh_of(base.location, kind))


def has_output_layer(base: Base, kind: HeadKind) -> bool:
    """Whether a head can take the place of the layer that makes the logits of the vocabulary."""
    return _ends_in_layer(base.location, kind)


@cache
def _ends_in_layer(location: Location, kind: HeadKind) -> bool:
    with torch.random.fork_rng(devices=[]):
        return ends_in_layer(_load_stock(location, kind, load_pretrained(AutoConfig, location))[0])


@cache
def _fresh_of(location: Location, kind: HeadKind) -> tuple[str, ...]:
    """The parts of a head over the vocabulary that the base's weights lack; known only when they are read."""
    with torch.random.fork_rng(devices=[]):
        return tuple(_untied_owners(*_load_stock(location, kind, load_pretrained(AutoConfig, location))))


def _untied_owners(body: nn.Module, missing: set[str]) -> list[str]:
    """The outermost modules that are new altogether and do not hold the embeddings, which the output may share."""
    output, embeddings = body.get_output_embeddings(), body.get_input_embeddings()  # type: ignore[operator]
    if output.weight is not embeddings.weight:
        return sorted(_owners(body, missing))
    names = {name for name, part in body.named_modules() if part is output}
    fresh = {key for key in missing if not any(key.startswith(f"{name}.") for name in names)}
    holders = {".".join(name.split(".")[:length]) for name in names for length in range(1, name.count(".") + 2)}
    return sorted(_owners(body, fresh, apart_from=holders))


def _configured(base: Base, head: HeadSpec, dropout: float) -> PretrainedConfig:
    changes: dict[str, Any] = {}
    for key, value in base.config.to_dict().items():
        if "drop" in key and isinstance(value, float | int) and not isinstance(value, bool):
            # Dropping whole layers at random is another thing: with all of a small decoder dropped nothing that is trained has a gradient.
            changes[key] = 0.0 if "layerdrop" in key else dropout
    if head.kind in VOCABULARY:
        return type(base.config).from_dict(base.config.to_dict() | changes)
    config = type(base.config).from_dict(base.config.to_dict() | changes)
    label(config, head)
    return config


def label(config: PretrainedConfig, head: HeadSpec) -> None:
    """Write into a configuration what the outputs of a head mean."""
    config.id2label = dict(enumerate(head.names))
    config.label2id = {name: number for number, name in enumerate(head.names)}
    config.num_labels = head.outputs
    config.problem_type = head.problem


def _empty_body(base: Base, head: HeadSpec, kind: str) -> nn.Module:
    config = _configured(base, head, 0.0)
    if kind == "stock":
        return tied(stock(config, head.kind).from_config(config))  # type: ignore[no-any-return]
    return tied(AutoModel.from_config(config, **_no_pooler(config)))  # type: ignore[no-any-return]


def _no_pooler(config: PretrainedConfig) -> dict[str, Any]:
    """Leave out a pooler that a pooled layout never reads; it would be a parameter without a gradient."""
    model_class = AutoModel._model_mapping[type(config)]
    return {"add_pooling_layer": False} if "add_pooling_layer" in model_class.__init__.__code__.co_varnames else {}


def _outer_modules(body: nn.Module) -> list[str]:
    """Children with parameters outside the bare transformer: the stock head and what belongs to it."""
    prefix = body.base_model_prefix
    return [name for name, child in body.named_children() if name != prefix and any(True for _ in child.parameters())]


def _owners(body: nn.Module, missing: set[str], *, apart_from: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
    """The outermost modules all of whose parameters were missing in the checkpoint."""
    owners = set()
    names = [name for name, _ in body.named_parameters()]
    for key in missing & set(names):
        parts = key.split(".")
        prefixes = [".".join(parts[:length]) for length in range(1, len(parts))]
        whole = (
            prefix
            for prefix in prefixes
            if prefix not in apart_from and all(name in missing for name in names if name.startswith(f"{prefix}."))
        )
        owner = next(whole, None)
        if owner:
            owners.add(owner)
    return owners
