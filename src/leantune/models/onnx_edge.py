"""Students without attention as graphs: an LSTM that is one node of ONNX, which ends each row where it ends.

    graphed(network)        the network, its LSTM replaced by what can be traced; any other network as it is

Packed rows cannot be traced for any number of tokens, but ONNX's LSTM takes the lengths of the rows itself: behind the end of a row its
states are 0, and backwards it begins at the last token, as packed rows do. Its gates stand in another order (i o f c; torch: i f c o).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from leantune.models.edge import EdgeModel
from leantune.models.network import Network

_VERSION = 18
"""Of the operators."""


def graphed(network: Network) -> Network:
    """Changed in place."""
    if isinstance(network.body, EdgeModel) and network.body.config.kind == "lstm":
        network.body = _Lstm(network.body)
    return network


class _Lstm(nn.Module):
    """As `edge.EdgeModel` in evaluation mode."""

    weights: Tensor
    recurrent: Tensor
    biases: Tensor

    def __init__(self, body: EdgeModel) -> None:
        super().__init__()
        self.config, self.embeddings, own = body.config, body.embeddings, body.lstm
        sides = [[getattr(own, f"{name}_l0{side}").detach() for side in ("", "_reverse")] for name in _NAMES]
        inputs, states, bias_inputs, bias_states = [torch.stack([_reordered(value) for value in pair]) for pair in sides]
        self.register_buffer("weights", inputs)
        self.register_buffer("recurrent", states)
        self.register_buffer("biases", torch.cat([bias_inputs, bias_states], dim=1))

    def get_input_embeddings(self) -> nn.Module:
        """The table of tokens."""
        return self.embeddings

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> ModelOutput:
        """States of the tokens (rows, tokens, hidden_size)."""
        rows, tokens = input_ids.shape
        width = self.recurrent.shape[2]
        lengths = attention_mask.sum(dim=1).clamp(min=1).to(torch.int32)
        embedded = self.embeddings(input_ids).transpose(0, 1)
        (states,) = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (embedded, self.weights, self.recurrent, self.biases, lengths),
            {"hidden_size": width, "direction": "bidirectional"},
            dtypes=(embedded.dtype,),
            shapes=((tokens, 2, rows, width),),
            version=_VERSION,
        )
        return ModelOutput(last_hidden_state=states.permute(2, 0, 1, 3).reshape(rows, tokens, 2 * width))


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _reordered(value: Tensor) -> Tensor:
    first, forget, cell, out = value.chunk(4)
    return torch.cat([first, out, forget, cell])
