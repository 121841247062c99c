"""ONNX: a network as one graph for `onnxruntime`, and such a graph in place of a body; the door to both libraries with `onnx_quantize`.

    logits = graph(input_ids, attention_mask[, token_type_ids])           any number of rows and tokens, heads outside of the body included

    model = to_onnx(network, types=True)  ->  bytes
    as_network(OnnxBody(model, config), anatomy)                          predicts, is measured and stored like any network

Where a graph is quantised, rows are read one at a time, as long as they are: activations are scaled by all that is read at once and
rounded, so what a row is answered would depend on its neighbours and on its padding.
"""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from leantune.core.errors import ArtifactError, SpecError
from leantune.models.anatomy import Anatomy
from leantune.models.four_bit import is_packed
from leantune.models.heads import is_transducer
from leantune.models.network import Batch, Network
from leantune.models.onnx_edge import graphed
from leantune.models.quiet import quiet
from leantune.models.runtime_body import RuntimeBody
from leantune.models.verbalizer import Verbalizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig

FILES = ("model.onnx", "onnx/model_quantized.onnx", "onnx/model.onnx")
"""Where a graph lies in a folder; the last two are the places that transformers.js looks at."""
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "logits"
PARAMETERS, SINGLY = "leantune.parameters", "leantune.singly"
"""Notes in the graph: parameters of the network that it was made of; whether rows are read one at a time."""
MOST_BYTES = 2**31 - 1
"""Of one file; larger graphs would have to keep their weights beside it."""
_TRACED = (3, 7)
"""Rows and tokens of the batch that is traced."""


def unexportable(network: Network) -> str | None:
    """Why a network cannot become one graph, in one line; None when it can."""
    config = getattr(network.body, "config", None)
    if isinstance(network.body, OnnxBody):
        return "it is an ONNX graph already"
    if is_transducer(config):
        return "an encoder-decoder writes token by token, which one graph does not do"
    if is_packed(config):
        return "its weights are packed into 4 bits"
    if network.soft is not None:
        return "it has soft tokens, whose vectors stand in no vocabulary"
    if network.head is not None and network.pooling == "asked":
        return "its head reads the state at the mask of a prompt"
    return None


def to_onnx(network: Network, *, types: bool) -> bytes:
    """Trace a plain network with `torch.export`.

    Args:
        network: adapters folded in; it stays as it is.
        types: whether it reads token types.

    Raises:
        SpecError: E-METHOD for a network that is no single graph, E-EXTRA without the packages.
    """
    if reason := unexportable(network):
        raise SpecError(f"{network.anatomy.architecture} cannot become an ONNX graph: {reason}.", "E-METHOD")
    onnx = need("onnx")
    need("onnxscript")
    copied, inputs = graphed(copy.deepcopy(network).cpu().eval()), _traced(network, types=types)
    names: dict[str, Any] = {"input_names": list(INPUTS[: len(inputs)]), "output_names": [OUTPUT]}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), _silent():
        plain = _Plain(_written_out(copied))
        try:
            program = torch.onnx.export(plain, inputs, dynamo=True, dynamic_shapes=_dynamic(inputs), verbose=False, **names)
        except (RuntimeError, ValueError, TypeError) as error:
            raise SpecError(f"{network.anatomy.architecture} cannot become an ONNX graph: {_line(error)}", "E-METHOD") from error
        assert program is not None
        program.save(str(Path(folder) / FILES[0]), external_data=False)
        model = onnx.load(Path(folder) / FILES[0])
    del model.graph.value_info[:]  # shapes from before constants were folded, which the quantiser stumbles over
    return noted(model, {PARAMETERS: str(sum(value.numel() for value in network.parameters()))})


def _written_out(network: Network) -> Network:
    """Its attention as two products and a softmax, in place: of a fused one the exporter makes a dozen nodes more in every layer.

    Families that know no other attention, or none but this, stay as they are.
    """
    if isinstance(network.body, PreTrainedModel):
        network.body.set_attn_implementation("eager")
    return network


def traced_program(network: Network, *, types: bool, rows: int, tokens: int) -> torch.export.ExportedProgram:
    """The program that torch makes of a plain network, for compilers that lay out the memory of the largest batch beforehand.

    Args:
        network: adapters folded in; it stays as it is.
        types: whether it reads token types.
        rows: of a batch at most.
        tokens: of a row at most.

    Raises:
        SpecError: E-METHOD where torch cannot say it for any number of tokens, as of an LSTM.
    """
    plain, inputs = _Plain(copy.deepcopy(network).cpu().eval()), _traced(network, types=types)
    bounds = {0: torch.export.Dim("rows", max=rows), 1: torch.export.Dim("tokens", max=tokens)}
    with torch.no_grad(), _silent():
        try:
            return torch.export.export(plain, inputs, dynamic_shapes=tuple(bounds for _ in inputs))
        except (RuntimeError, ValueError, TypeError) as error:
            raise SpecError(f"{network.anatomy.architecture} cannot become a program: {_line(error)}", "E-METHOD") from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _dynamic(inputs: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    return tuple({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for _ in inputs)


def noted(model: Any, notes: dict[str, str]) -> bytes:
    """A graph with notes, as bytes."""
    for key, value in notes.items():
        model.metadata_props.add(key=key, value=value)
    found: bytes = model.SerializeToString()
    return found


def need(package: str) -> Any:
    """Import one of the packages of the extra.

    Raises:
        SpecError: E-EXTRA with the command that installs it.
    """
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise SpecError(f'ONNX needs the package `{package.split(".")[0]}`: pip install "leantune[onnx]".', "E-EXTRA") from None


class OnnxBody(RuntimeBody):
    """A graph that takes the place of a body."""

    def __init__(self, model: bytes, config: PretrainedConfig) -> None:
        """Open a session with as many threads as torch has."""
        session = _session(model, torch.get_num_threads())
        super().__init__([value.name for value in session.get_inputs()], config)
        self.model, self.session = model, session
        notes = session.get_modelmeta().custom_metadata_map
        self.singly, self.parameter_count = notes.get(SINGLY) == "yes", int(notes.get(PARAMETERS, 0))

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxBody:
        """Another session of the same graph."""
        return OnnxBody(self.model, copy.deepcopy(self.config, memo))

    @property
    def weight_bytes(self) -> int:
        """Of the file."""
        return len(self.model)

    def run(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """As `RuntimeBody.run`; of a quantised graph row by row."""
        return self._one_by_one(given) if self.singly else self._run(given)

    def _run(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        return self.session.run([OUTPUT], given)[0]  # type: ignore[no-any-return]

    @cached_property
    def _narrow(self) -> Any:
        """A session with one thread: several rows at a time are read sooner by one thread each than each row by all of them."""
        return _session(self.model, 1)

    def _one_by_one(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        lengths = given[INPUTS[1]].sum(axis=1)
        threads = min(len(lengths), torch.get_num_threads())
        session = self.session if threads == 1 else self._narrow

        def read(row: int) -> NDArray[np.float32]:
            found = session.run([OUTPUT], {name: value[row : row + 1, : lengths[row]] for name, value in given.items()})
            return found[0][0]  # type: ignore[no-any-return]

        with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
            rows = list((pool.map if pool else map)(read, range(len(lengths))))
        if rows[0].ndim == 1:
            return np.stack(rows)
        found = np.zeros((len(rows), given[INPUTS[0]].shape[1], rows[0].shape[1]), np.float32)
        for row, own in zip(found, rows, strict=True):
            row[: len(own)] = own
        return found


def _session(model: bytes, threads: int) -> Any:
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def as_network(body: RuntimeBody, anatomy: Anatomy, verbalizer: Verbalizer | None = None) -> Network:
    """A network around a graph, whatever runs it."""
    return Network(body, None, "stock", anatomy, verbalizer).eval()


def find_onnx(folder: Path) -> Path | None:
    """The graph in a folder; None without one."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_onnx(file: Path, config: PretrainedConfig) -> OnnxBody:
    """A graph from a file.

    Raises:
        ArtifactError: E-ARTIFACT for a damaged file.
    """
    try:
        return OnnxBody(file.read_bytes(), config)
    except _failures() as error:
        raise ArtifactError(f"{file}: no readable ONNX graph: {str(error)[:200]} Copy the whole folder again.", "E-ARTIFACT") from error


def _failures() -> tuple[type[Exception], ...]:
    """What `onnxruntime` raises; each kind is a class of its own."""
    known = vars(need("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    return tuple(kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception))


def read_singly(file: Path) -> bool:
    """Whether rows are read one at a time."""
    metadata = need("onnxruntime").InferenceSession(file, providers=["CPUExecutionProvider"]).get_modelmeta()
    return bool(metadata.custom_metadata_map.get(SINGLY) == "yes")


def write_onnx(body: OnnxBody, folder: Path, name: str = FILES[0]) -> None:
    """The graph and the configuration of what it was made of."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body.model)
    body.config.save_pretrained(folder)


class _Plain(nn.Module):
    """Tensors in, logits out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        return self.network(Batch(input_ids, attention_mask, token_type_ids))  # type: ignore[no-any-return]


def _traced(network: Network, *, types: bool) -> tuple[Tensor, ...]:
    words = network.body.get_input_embeddings().weight.shape[0]  # type: ignore[operator, union-attr]
    pad = getattr(network.body.config, "pad_token_id", None) or 0  # type: ignore[union-attr]
    return ragged(*_TRACED, words=words, pad=pad)[: 3 if types else 2]


def ragged(rows: int, tokens: int, *, words: int, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (rows, tokens) of rows whose lengths fall evenly from `tokens` to 1, padded on the right, in the order of `INPUTS`.

    Args:
        rows: of the batch.
        tokens: of its longest row.
        words: numbers of tokens lie below this.
        pad: number of the padding token.
    """
    ids = torch.arange(rows * tokens).reshape(rows, tokens) % (words - 1) + 1
    mask = (torch.arange(tokens) < torch.linspace(tokens, 1, rows).round().unsqueeze(1)).long()
    ids = torch.where(mask.bool(), ids, torch.full_like(ids, pad))
    return ids, mask, torch.zeros_like(ids)


@contextmanager
def _silent() -> Iterator[None]:
    """The exporter tells of every library that it does not find and of every constant that it does not fold."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with quiet():
            yield
    finally:
        logging.disable(level)
