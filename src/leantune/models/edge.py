"""Edge: small bodies without attention, as classes of `transformers` that stand for themselves (their text goes into the artifact).

    bag     h_t = tanh(W e_t + b)                 a token is the same wherever it stands; the pooled state is a bag of embeddings
    lstm    h_t = [forward_t; backward_t]         one bidirectional LSTM, half of the width to each side

Padding is never read: a bag leaves it out when it pools, the LSTM runs over packed rows.

References: Iyyer et al. 2015 (deep averaging networks, ACL); Hochreiter and Schmidhuber 1997; Tang et al. 2019, arXiv:1903.12136.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

MODEL_TYPE = "leantune_edge"


class EdgeConfig(PretrainedConfig):  # type: ignore[misc]
    """What such a body is like."""

    model_type = MODEL_TYPE

    def __init__(
        self,
        kind: str = "bag",
        vocab_size: int = 0,
        hidden_size: int = 128,
        embedding_size: int = 128,
        hidden_dropout_prob: float = 0.1,
        pad_token_id: int | None = 0,
        **others: Any,
    ) -> None:
        """`kind` is bag or lstm."""
        self.kind = kind
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.embedding_size = embedding_size
        self.hidden_dropout_prob = hidden_dropout_prob
        self.num_hidden_layers = 0  # of attention
        self.num_attention_heads = 0
        super().__init__(pad_token_id=pad_token_id, **others)


class EdgeModel(PreTrainedModel):  # type: ignore[misc]
    """Token embeddings, and a linear map or an LSTM."""

    config_class = EdgeConfig
    base_model_prefix = "edge"

    def __init__(self, config: EdgeConfig) -> None:
        """Weights are drawn as torch draws them."""
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        if config.kind == "lstm":
            self.lstm = nn.LSTM(config.embedding_size, config.hidden_size // 2, batch_first=True, bidirectional=True)
        else:
            self.mix = nn.Linear(config.embedding_size, config.hidden_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """As they were drawn."""

    def get_input_embeddings(self) -> nn.Module:
        """The table of tokens."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Another table of tokens."""
        self.embeddings = value

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Any:
        """States of the tokens (rows, tokens, hidden_size); padding stands on the right, token types are not read."""
        embedded = self.dropout(self.embeddings(input_ids))
        if self.config.kind != "lstm":
            return BaseModelOutput(last_hidden_state=self.mix(embedded).tanh())
        mask = attention_mask if attention_mask is not None else input_ids.new_ones(input_ids.shape)
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _lengths = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=input_ids.shape[1])
        return BaseModelOutput(last_hidden_state=states)


AutoConfig.register(MODEL_TYPE, EdgeConfig, exist_ok=True)
AutoModel.register(EdgeConfig, EdgeModel, exist_ok=True)
