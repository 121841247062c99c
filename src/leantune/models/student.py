"""Students without attention: written once as a base of their own, with the tokens of the base that they start from.

    student_of(base, Student("lstm", 128), seed, folder)      a base whose body is `models.edge`

Embeddings start from the base's own table, brought to `width` by its principal components (neighbours stay neighbours as far as these
say). With word vectors the tokens that are whole words start from these, and the components of all others are turned to where the
vectors of the words that both know lie (orthogonal Procrustes, Schoenemann 1966). Numbers are scaled to a root mean square of 1.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel

from leantune.core.errors import SpecError
from leantune.core.student import Student
from leantune.models.base import Base, load_pretrained, open_base
from leantune.models.edge import EdgeConfig, EdgeModel
from leantune.models.locate import Location
from leantune.models.quiet import quiet
from leantune.models.vectors import word_vectors


def student_of(base: Base, wanted: Student, seed: int, folder: Path) -> Base:
    """The student as a base; made where the folder is not there yet.

    Args:
        base: whose tokens and embeddings it takes.
        wanted: what it is like.
        seed: of the weights that are drawn.
        folder: named by all that the result depends on.

    Raises:
        SpecError: E-RANGE for a width over that of the base's embeddings, and what is wrong with a file of vectors.
    """
    if not folder.is_dir():
        table = start_table(base, wanted)
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(base, wanted, table, seed, part)
        part.rename(folder)
    found = open_base(str(folder), max_length=base.max_length)
    return replace(found, location=Location(base.name, str(folder), local=True))


def start_table(base: Base, wanted: Student) -> Tensor:
    """Where the embeddings start, (tokens, width)."""
    body = load_pretrained(AutoModel, base.location, dtype=torch.float32)
    own = body.get_input_embeddings().weight.detach()
    if wanted.width > own.shape[1]:
        raise SpecError(
            f"student: width={wanted.width} is more than the {own.shape[1]} of the base's embeddings. Give {own.shape[1]} or less.",
            "E-RANGE",
        )
    table = _unit(components(own, wanted.width))
    if wanted.vectors is None:
        return table
    given = word_vectors(Path(wanted.vectors).expanduser(), wanted.width, base.tokenizer)
    places, words = torch.tensor(list(given)), _unit(torch.stack([torch.from_numpy(one) for one in given.values()]))
    table = turned(table, table[places], words)
    table[places] = words
    return table


def components(table: Tensor, width: int) -> Tensor:
    """Rows by their first principal components, (rows, width)."""
    centred = (table - table.mean(dim=0)).double()
    _, axes = torch.linalg.eigh(centred.T @ centred)  # from the smallest to the largest
    found: Tensor = (centred @ axes[:, -width:].flip(1)).float()
    return found


def turned(table: Tensor, some: Tensor, there: Tensor) -> Tensor:
    """The table turned so that some of its rows lie as near as can be to where they shall."""
    left, _, right = torch.linalg.svd((some.T @ there).double())
    found: Tensor = (table.double() @ (left @ right)).float()
    return found


def _unit(table: Tensor) -> Tensor:
    return table / table.square().mean().sqrt().clamp(min=1e-12)


def _write(base: Base, wanted: Student, table: Tensor, seed: int, folder: Path) -> None:
    config = EdgeConfig(
        kind=wanted.kind,
        vocab_size=len(table),
        hidden_size=wanted.width,
        embedding_size=wanted.width,
        pad_token_id=base.tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        body = EdgeModel(config)
        with torch.no_grad():
            body.embeddings.weight.copy_(table)
        body.save_pretrained(folder)
        base.tokenizer.save_pretrained(folder)
