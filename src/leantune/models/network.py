"""Network: a body (plain or adapted) and its head, one forward from a batch to logits.

    stock     logits = body(batch).logits                            of an encoder-decoder those of the decoder's tokens
    pooled    logits = head(pool(body(batch).last_hidden_state))     pool in mean, cls, last; behind anchors of length 1
    tokens    logits = head(body(batch).last_hidden_state)           one row for each token
    asked     logits = verbalizer(body(batch).logits at the masks)   behind a prompt; or head(the state at the first mask)

Letters: B rows, T tokens, D hidden, C outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from peft import PeftModel, PeftModelForQuestionAnswering
from torch import Tensor, nn

from leantune.models.anatomy import Anatomy, stands_for
from leantune.models.plain import plain
from leantune.models.soft_tokens import SoftTokens, placed
from leantune.models.sought import Pick, alone, at_places, at_tokens, narrowed
from leantune.models.verbalizer import Verbalizer

POOLINGS = ("mean", "cls", "last")
ASKED = "asked"
"""How a head reads the state at the first mask of a prompt."""


@dataclass(frozen=True)
class Batch:
    """Encoded rows of about equal length, padded on the right."""

    input_ids: Tensor
    """(B, T) int64."""
    attention_mask: Tensor
    """(B, T) int64; 1 where a token stands."""
    token_type_ids: Tensor | None = None
    """(B, T) int64; 1 in the second text of a pair; None where the base has no such input."""
    targets: Tensor | None = None
    """What the loss compares the logits with."""
    written: Tensor | None = None
    """(B, L) int64; the tokens that a decoder of its own writes, with any number behind the end; None where the body has none."""
    asked: Tensor | None = None
    """(B, M) int64; the tokens at which the words of labels are sought; None without a prompt."""
    owners: Tensor | None = None
    """(B,) int64; the row inside the batch that each piece belongs to, rising; None where each piece has logits of its own."""
    peak: bool = False
    """Whether the logits of a row are the largest ones of its pieces, rather than their mean."""

    @property
    def width(self) -> int:
        """Tokens that have logits, in a body with logits for tokens."""
        return (self.input_ids if self.written is None else self.written).shape[1]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        moved: dict[str, Any] = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)

    def parts(self, pieces: int) -> list[Batch]:
        """The same in parts of so many pieces, each for itself."""
        found = []
        for start in range(0, len(self.input_ids), pieces):
            cut: dict[str, Any] = {name: value[start : start + pieces] for name, value in vars(self).items() if isinstance(value, Tensor)}
            found.append(replace(self, **cut | {"owners": None}))
        return found

    def inputs(self) -> dict[str, Tensor]:
        """Keyword arguments of the body."""
        inputs = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return inputs if self.token_type_ids is None else inputs | {"token_type_ids": self.token_type_ids}


class Network(nn.Module):
    """Body and head. `body` is replaced by a method; `head` is None where the body brings its own."""

    soft: SoftTokens | None
    """Trained vectors in the text, where a prompt has such."""

    def __init__(
        self,
        body: nn.Module,
        head: nn.Linear | None,
        pooling: str,
        anatomy: Anatomy,
        verbalizer: Verbalizer | None = None,
        *,
        unit: bool = False,
    ) -> None:
        """`unit`: whether the head reads states of length 1."""
        super().__init__()
        self.body, self.head, self.pooling, self.anatomy, self.verbalizer = body, head, pooling, anatomy, verbalizer
        self.unit = unit
        self.soft = None
        self._top: tuple[Sequence[nn.Module], str | None] = (), None

    @torch.no_grad()
    def start_at(self, value: float, outputs: int) -> None:
        """Let a fresh head of so many outputs begin at `value`; one without a bias, and one that was trained before, stay as they are."""
        inner = [part for path in self.anatomy.heads for part in self.body.get_submodule(path).modules()]
        last = [part for part in ([self.head] if self.head is not None else inner) if isinstance(part, nn.Linear)]
        for part in last:
            if part.out_features == outputs and part.bias is not None and not part.bias.any():
                part.bias.fill_(value)

    def forward(self, batch: Batch, sought: Tensor | None = None) -> Tensor:
        """Logits (B, C), or (B, T, C) where every token is read; (R, C) of rows whose pieces are pooled.

        Args:
            batch: the pieces.
            sought: of a vocabulary, (B, T) the tokens whose logits are wanted; they come as (1, N, C).
        """
        if batch.owners is not None:
            return of_rows(self(replace(batch, owners=None)), batch.owners, peak=batch.peak)
        with self._where_read(batch, sought):
            return self._logits(batch, sought)

    def _logits(self, batch: Batch, sought: Tensor | None) -> Tensor:
        """As `forward`, of each piece for itself."""
        if self.head is not None:
            return self.read(self.embed(batch))
        if batch.asked is not None:
            assert self.verbalizer is not None
            return self.verbalizer(self._at_masks(batch)[1])  # type: ignore[no-any-return]
        if sought is not None:
            return self.told(batch, sought)[1]
        logits = self._own_logits(batch)
        # The logits of virtual tokens in front are nobody's answer.
        return logits if logits.dim() == 2 else logits[:, -batch.width :]

    def told(self, batch: Batch, sought: Tensor) -> tuple[Tensor, Tensor]:
        """What the output embedding reads of sought tokens (1, N, D), and their logits (1, N, V); twice these where it is no layer."""
        return self._narrowed(batch, partial(at_tokens, sought=sought))

    def _at_masks(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """States (B, M, D) and logits (B, M, V) where words are sought."""
        assert batch.asked is not None
        return self._narrowed(batch, partial(at_places, places=batch.asked, width=batch.width))

    def _narrowed(self, batch: Batch, pick: Pick) -> tuple[Tensor, Tensor]:
        """States before the output embedding and logits, of what `pick` takes alone."""
        with narrowed(self.body, pick) as seen, nullcontext() if self.soft is None else placed(self.body, self.soft):
            logits = self._own_logits(batch)
        if seen:
            return seen[0], logits
        picked = pick(logits)
        return picked, picked

    def _own_logits(self, batch: Batch) -> Tensor:
        """Those of the head that the body brings."""
        # peft's class for questions drops the token types, which tell the question from the text; what it wraps takes them.
        body = self.body.base_model if isinstance(self.body, PeftModelForQuestionAnswering) else self.body
        found = body(**batch.inputs() | self._read_so_far(batch))
        return found.logits if "logits" in found else torch.stack([found.start_logits, found.end_logits], dim=-1)

    def _read_so_far(self, batch: Batch) -> dict[str, Tensor]:
        """What a decoder of its own sees: its start token, then each token that it has written."""
        if batch.written is None:
            return {}
        config = getattr(plain(self.body), "config", None)
        start = torch.full_like(batch.written[:, :1], start_token(config))
        return {"decoder_input_ids": torch.cat([start, batch.written[:, :-1]], dim=1)}

    def embed(self, batch: Batch) -> Tensor:
        """What a head outside of the body reads: pooled states or those at the first mask (B, D), or token states (B, T, D)."""
        if batch.asked is not None:
            return self._at_masks(batch)[0][:, 0]
        states = token_states(self.body, batch)
        return states if self.pooling == "tokens" else pool(states, batch.attention_mask, self.pooling)

    @contextmanager
    def only_read(self, maps: Sequence[nn.Module], pools: str | None) -> Iterator[None]:
        """Around calls for logits: some of the last layer is worked out for the tokens alone that are read.

        Args:
            maps: of that layer, each of which works on every token for itself.
            pools: what a head reads where no tokens are sought or asked for: cls or last; None for all tokens.
        """
        self._top = maps, pools
        try:
            yield
        finally:
            self._top = (), None

    def _where_read(self, batch: Batch, sought: Tensor | None) -> AbstractContextManager[None]:
        """Around a call of the body, whose tokens are not all read."""
        maps, pools = self._top
        read = tokens_read(batch, pools, sought) if maps else None
        return nullcontext() if read is None else alone(maps, read, batch.attention_mask)

    def read(self, states: Tensor) -> Tensor:
        """Logits of a head outside of the body, from what `embed` gives."""
        assert self.head is not None
        return self.head(nn.functional.normalize(states, dim=-1) if self.unit else states)  # type: ignore[no-any-return]

    def head_parameters(self) -> frozenset[str]:
        """Names of the outer head's parameters; empty where the body brings its own head."""
        return frozenset() if self.head is None else frozenset(f"head.{name}" for name, _ in self.head.named_parameters())

    def soft_parameters(self) -> frozenset[str]:
        """Names of the parameters of soft tokens; empty where there are none."""
        return frozenset() if self.soft is None else frozenset(f"soft.{name}" for name, _ in self.soft.named_parameters())


def prepends(body: Any) -> bool:
    """Whether trained vectors stand before the text, or before the keys and values of each layer."""
    return isinstance(body, PeftModel) and bool(body.active_peft_config.is_prompt_learning)


def has_virtual_words(body: Any) -> bool:
    """Whether trained word vectors stand before the text."""
    return prepends(body) and body.active_peft_config.peft_type != "PREFIX_TUNING"


def embedded_behind_virtual_words(body: Any, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
    """Texts that are padded in front, each with the virtual words right before it; `peft` would put them before the padding.

    Args:
        body: with virtual words.
        input_ids: (B, T).
        attention_mask: (B, T).
    """
    virtual = body.active_peft_config.num_virtual_tokens
    embedded = body.word_embeddings(input_ids)
    prompt = body.get_prompt(batch_size=len(input_ids)).to(embedded.dtype)
    found = torch.cat([prompt, embedded], dim=1)
    mask = torch.cat([attention_mask.new_ones(len(input_ids), virtual), attention_mask], dim=1)
    places = torch.arange(found.shape[1], device=found.device).expand(mask.shape)
    gaps = (attention_mask == 0).sum(dim=1, keepdim=True)  # [virtual, gap, text] becomes [gap, virtual, text]
    order = torch.where(places < gaps, places + virtual, torch.where(places < gaps + virtual, places - gaps, places))
    return {
        "inputs_embeds": found.gather(1, order.unsqueeze(-1).expand_as(found)),
        "attention_mask": mask.gather(1, order),
    }


def parameter_count(network: nn.Module) -> int:
    """Parameters of the whole model, shared ones once; packed ones as many as they stand for."""
    own = getattr(getattr(network, "body", None), "parameter_count", None)  # an ONNX graph counts for itself
    return sum(stands_for(value) for value in network.parameters()) if own is None else int(own)


def weight_bytes(network: nn.Module) -> int:
    """Bytes of its weights in memory."""
    own = getattr(getattr(network, "body", None), "weight_bytes", None)
    return sum(value.numel() * value.element_size() + _scale_bytes(value) for value in network.parameters()) if own is None else int(own)


def _scale_bytes(value: Tensor) -> int:
    """Bytes of the scales of a packed parameter."""
    packed = getattr(value, "quant_state", None)
    if packed is None:
        return 0
    nested = [packed.state2.absmax] if packed.nested else []
    return sum(scales.numel() * scales.element_size() for scales in [packed.absmax, *nested])


def start_token(config: Any) -> int:
    """The token that a decoder of its own begins with."""
    known = (getattr(config, f"{name}_token_id", None) for name in ("decoder_start", "bos", "pad"))
    return int(next((number for number in known if number is not None), 0))


def token_states(body: Any, batch: Batch) -> Tensor:
    """States of the text's own tokens (B, T, D); those of virtual tokens before it are left out.

    `peft` drops the token types where it prepends; here they are kept, so that pairs stay pairs.
    """
    if not prepends(body):
        return body(**batch.inputs()).last_hidden_state  # type: ignore[no-any-return]
    rows, virtual = len(batch.input_ids), body.active_peft_config.num_virtual_tokens
    before = batch.attention_mask.new_ones(rows, virtual)
    inputs = batch.inputs() | {"attention_mask": torch.cat([before, batch.attention_mask], dim=1)}
    prompt = body.get_prompt(batch_size=rows)
    if body.active_peft_config.peft_type == "PREFIX_TUNING":
        return body.get_base_model()(**inputs, past_key_values=prompt).last_hidden_state  # type: ignore[no-any-return, operator]
    embedded = body.word_embeddings(inputs.pop("input_ids"))
    inputs["inputs_embeds"] = torch.cat([prompt.to(embedded.dtype), embedded], dim=1)
    if batch.token_type_ids is not None:
        inputs["token_type_ids"] = torch.cat([torch.zeros_like(before), batch.token_type_ids], dim=1)
    states: Tensor = body.get_base_model()(**inputs).last_hidden_state  # type: ignore[operator]
    return states[:, virtual:]


def tokens_read(batch: Batch, pools: str | None, sought: Tensor | None) -> Tensor | None:
    """(B, T) whether the state of a token is read behind the last layer; None where all are.

    Args:
        batch: the pieces.
        pools: what a head reads of a piece: cls or last; None for all tokens.
        sought: (B, T) of a vocabulary the tokens whose logits are wanted.
    """
    nobody = torch.zeros_like(batch.input_ids, dtype=torch.bool)
    if batch.asked is not None:
        return nobody.scatter(1, batch.asked, True)
    if sought is not None:
        return sought
    if pools == "cls":
        nobody[:, 0] = True
        return nobody
    if pools == "last":
        last = batch.attention_mask.sum(dim=1, keepdim=True) - 1
        # Heads of decoders take whatever is padded with at the end of a text for padding, and read what stands before it.
        others = (batch.input_ids != batch.input_ids.gather(1, last)) & batch.attention_mask.bool()
        before = (others * torch.arange(others.shape[1], device=others.device)).amax(dim=1, keepdim=True)
        return nobody.scatter(1, torch.cat([last, before], dim=1), True)
    return None


def pool(states: Tensor, mask: Tensor, kind: str) -> Tensor:
    """Pool token states (B, T, D) under mask (B, T) into (B, D): the mean of the tokens, the first one or the last one."""
    if kind == "cls":
        return states[:, 0]
    if kind == "last":
        last = mask.sum(dim=1) - 1
        return states[torch.arange(len(states), device=states.device), last]
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)


def of_rows(logits: Tensor, owners: Tensor, *, peak: bool) -> Tensor:
    """Logits of rows (R, C): the mean of those of their pieces (B, C), or the largest; the mean is that of their log-probabilities.

    Args:
        logits: of the pieces.
        owners: (B,) the row of each piece, from 0, rising.
        peak: whether the largest count.
    """
    rows = logits.new_zeros(int(owners[-1]) + 1, logits.shape[1])
    if peak:
        return rows.scatter_reduce(0, owners.unsqueeze(1).expand_as(logits), logits, "amax", include_self=False)
    return rows.index_add(0, owners, logits) / owners.bincount().unsqueeze(1)
