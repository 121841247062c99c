"""Publish: turn a trial's delta into a folder that predicts, exports and loads in plain libraries.

    publish(Path("trials/1f0c/delta"), Path("best"), facts, base, golden=golden) -> Path("best")

The folder is filled beside its place, proven in fresh processes, and moved there whole: a reader never sees half of it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from leantune import __version__
from leantune.artifact.card import card
from leantune.artifact.integrity import CARD, NAME
from leantune.artifact.manifest import BaseFacts, Facts, Manifest, read_manifest, write_manifest
from leantune.artifact.parity import SCRIPT, Golden, holds_packed, prove
from leantune.artifact.script.carry import carry
from leantune.artifact.script.compose import Graph, compose, runs_alone
from leantune.artifact.sentence import remove_layout, write_layout
from leantune.artifact.worded import worded_of
from leantune.core import catalogue
from leantune.core.errors import ArtifactError
from leantune.data.pieces._pieces import Pieces
from leantune.models.base import Base, write_tokenizer
from leantune.models.build import layout
from leantune.models.delta import HEAD, AdapterKind, adapter_kind, standing
from leantune.models.heads import is_transducer
from leantune.models.network import start_token
from leantune.models.onnx_model import find_onnx, read_singly
from leantune.models.surprise import at_once, before_text

LIBRARIES = ("torch", "transformers", "peft")
RUNTIME = "onnxruntime"
SENTENCE = "sentence-transformers"
_OUR_CODE = "leantune."
_OWN = ("tokens", "asked")
"""Layouts of a head outside of the body that no plain library has."""


def publish(
    delta: Path,
    best: Path,
    facts: Facts,
    base: Base,
    *,
    golden: Golden | None = None,
    origin: BaseFacts | None = None,
    look: Callable[[Path], str | None] | None = None,
) -> Path:
    """Make a deployable folder.

    Args:
        delta: what `write_delta` wrote.
        best: where the folder shall lie; an artifact that is there is replaced.
        facts: what was trained and how well.
        base: the base model it was trained on.
        golden: rows to prove the folder with; None leaves the proof out. A proof of the very same files stands.
        origin: what an artifact already says of its base; read from `base` when not given.
        look: a further look at the folder before it is moved, whose findings stand in front of the proof; it refuses by an ArtifactError.

    Raises:
        ArtifactError: E-ARTIFACT when something else lies at `best`, or when the folder predicts otherwise than the trained model.
    """
    refuse_foreign(best)
    with in_place(best) as folder:
        shutil.copytree(delta, folder, dirs_exist_ok=True)
        manifest = _assemble(folder, facts, base, origin or _base_facts(base))
        seen = look(folder) if look else None
        if golden is not None:
            earlier = _proven_before(best, manifest) if look is None else None  # its proof tells of another look
            manifest = earlier or _proven(folder, manifest, golden)
        if seen:
            manifest = manifest.model_copy(update={"proof": "; ".join(filter(None, (seen, manifest.proof)))})
        (folder / CARD).write_text(card(manifest), encoding="utf-8")
        write_manifest(folder, manifest)
    return best


def refuse_foreign(folder: Path) -> None:
    """Refuse to write over anything that is not an artifact."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / NAME).is_file()):
        raise ArtifactError(f'"{folder}" is in use by something else than an artifact. Choose another folder with --out.', "E-ARTIFACT")


@contextmanager
def in_place(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place when the block ends well, and vanishes when it does not."""
    fresh, old = (target.parent / f".{target.name}.{os.getpid()}.{kind}" for kind in ("part", "old"))
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _assemble(folder: Path, facts: Facts, base: Base, origin: BaseFacts) -> Manifest:
    """Add everything that belongs to the folder; the manifest without a proof."""
    pooled, kind, graph = (folder / HEAD).is_dir(), adapter_kind(folder), find_onnx(folder)
    body = base if kind else standing(base, folder)
    manifest = Manifest(
        leantune=__version__,
        versions=versions(RUNTIME) if graph else versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=facts,
        base=origin,
        form="adapter" if kind else "onnx" if graph else "whole",
        layout="stock" if not pooled else "asked" if facts.asked else layout(body, catalogue.load("tasks", facts.task).head, prepends=True),
        max_length=base.max_length,
    )
    pieces: Pieces = catalogue.load("data.pieces", facts.pieces)
    cuts = "left" if facts.cut_side == "left" else pieces.cuts
    write_tokenizer(base, folder, cuts=cuts, template=pieces.template)
    scripted = catalogue.load("tasks", facts.task).scripted and (graph is None or runs_alone(facts))
    if scripted:
        runs = (
            None
            if graph is None
            else Graph(graph.relative_to(folder).as_posix(), cuts or base.tokenizer.truncation_side, read_singly(graph))
        )
        _write_scripts(folder, manifest, kind, body, runs)
    known = not type(body.config).__module__.startswith(_OUR_CODE)
    outside = pooled and kind is not None and (kind.prompts or holds_packed(folder))  # what sentence-transformers would read otherwise
    plain = known and facts.cut_side is not None and not (outside or (kind and kind.module))
    if pooled and plain and manifest.layout not in _OWN:
        write_layout(folder, pooling=manifest.layout, width=_width(folder), max_length=base.max_length, unit=facts.anchored)
    ways = [way for way in _ways(manifest, plain=plain) if way != SCRIPT or scripted]
    manifest = manifest.model_copy(update={"loads_in": ways})
    (folder / CARD).write_text(card(manifest), encoding="utf-8")
    return write_manifest(folder, manifest)


def versions(*more: str) -> dict[str, str]:
    """Of the libraries that an artifact is proven with."""
    return {name: version(name) for name in (*LIBRARIES, *more)}


def _write_scripts(folder: Path, manifest: Manifest, kind: AdapterKind | None, base: Base, graph: Graph | None) -> None:
    """`predict.py`, and beside it the code of an adapter or a body of ours; a third party's is imported from its package."""
    place = kind.module if kind else type(base.config).__module__
    ours = place is not None and place.startswith(_OUR_CODE)
    code = f"{kind.name.lower()}_adapter" if kind and ours else f"{base.config.model_type}_model" if ours else kind and kind.module
    if ours and graph is None:
        (folder / f"{code}.py").write_text(carry(str(place)), encoding="utf-8")
    start = start_token(base.config) if is_transducer(base.config) else None
    prompts = kind is not None and kind.prompts
    worded = worded_of(manifest, base)
    scored = (before_text(base), at_once(base)) if manifest.facts.compresses else None
    more: dict[str, Any] = {
        "own_code": None if graph else code,
        "worded": worded,
        "scored": scored,
        "graph": graph,
        "in_4_bits": holds_packed(folder),
    }
    script = compose(manifest, pad=base.tokenizer.pad_token_id, start=start, prompts=prompts, **more)
    (folder / SCRIPT).write_text(script, encoding="utf-8")


def _ways(manifest: Manifest, *, plain: bool) -> list[str]:
    """What can load the folder."""
    if not plain or manifest.form == "onnx":
        return ["leantune", SCRIPT]
    if manifest.layout in _OWN:
        return ["leantune", SCRIPT]
    if manifest.layout != "stock":
        return ["leantune", SCRIPT, SENTENCE]
    return ["leantune", SCRIPT, "peft" if manifest.form == "adapter" else "transformers"]


def _proven(folder: Path, manifest: Manifest, golden: Golden) -> Manifest:
    """The manifest with the proof; a plain library that cannot load this method's adapter is not promised any more."""
    installed = importlib.util.find_spec("sentence_transformers") is not None
    ways = [way for way in manifest.loads_in if way != SENTENCE or installed]
    proof = prove(folder, manifest.facts, golden, ways=ways)
    needed = [way for way in ("leantune", SCRIPT) if way in proof.failed]
    if needed:
        raise ArtifactError(f"{folder}: cannot be loaded through {needed[0]}: {proof.failed[needed[0]]}", "E-ARTIFACT")
    if SENTENCE in proof.failed:
        remove_layout(folder)
    promised = [way for way in manifest.loads_in if way not in proof.failed]
    open_ways = f"; not tried through {SENTENCE}, which is not installed here" if SENTENCE in promised and not installed else ""
    return manifest.model_copy(update={"loads_in": promised, "proof": proof.sentence + open_ways})


def _proven_before(best: Path, manifest: Manifest) -> Manifest | None:
    """The manifest with the proof of the artifact that lies there, when it is made of the same files."""
    if not (best / NAME).is_file():
        return None
    try:
        earlier = read_manifest(best)
    except ArtifactError:
        return None
    if earlier.proof is None or _made_with(earlier) != _made_with(manifest) or _without_card(earlier) != _without_card(manifest):
        return None
    return manifest.model_copy(update={"loads_in": earlier.loads_in, "proof": earlier.proof})


def _made_with(manifest: Manifest) -> dict[str, str]:
    return manifest.versions | {"leantune": manifest.leantune}


def _without_card(manifest: Manifest) -> dict[str, str]:
    return {path: digest for path, digest in manifest.files.items() if path != CARD}


def _base_facts(base: Base) -> BaseFacts:
    return BaseFacts(
        name=base.name,
        source=base.location.source,
        revision=base.location.revision,
        weights_digest=base.stored_digest,
        pooling=base.pooling,
        licence=_licence(base),
    )


def _licence(base: Base) -> str | None:
    """What the front matter of the base's own card says."""
    readme = base.location.folder / CARD if base.location.folder else None
    if readme is None or not readme.is_file():
        return None
    front = re.match(r"---\n(.*?)\n---", readme.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = re.search(r"^license:\s*([\w.\-]+)\s*$", front.group(1), re.MULTILINE) if front else None
    return found.group(1) if found else None


def _width(folder: Path) -> int:
    return int(json.loads((folder / HEAD / "config.json").read_text(encoding="utf-8"))["in_features"])
