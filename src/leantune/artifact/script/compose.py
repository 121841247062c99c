"""Compose `predict.py`: a short script for one artifact out of the parts beside this file, free of leantune.

    text = compose(manifest, pad=0, prompts=False, own_code=None)

The parts are ordinary functions, so they are checked and tested as such; their source is copied.
"""

from __future__ import annotations

import inspect
import pprint
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from leantune.artifact.manifest import Facts, Manifest, auto_class
from leantune.artifact.script import (
    adapter,
    chatting,
    choose,
    cloze,
    common,
    composed,
    compress,
    focus,
    frame,
    lengthy,
    masked,
    packed,
    passage,
    pooled,
    spans,
    stock,
    tagged,
    virtual,
    whole,
    written,
)
from leantune.artifact.script.carry import carried
from leantune.core import catalogue
from leantune.core.long import FIELDS, Long
from leantune.data.composed import cell_of
from leantune.data.focus import is_spans
from leantune.data.masking import always_same, hide
from leantune.data.pieces._cloze import Cloze
from leantune.data.pieces._pieces import OVERLAP
from leantune.data.pieces._several import Several
from leantune.data.template import Field, Soft
from leantune.evaluate.generate import generation_settings
from leantune.evaluate.masks import fill, likeliest, pieces_of
from leantune.kinds.prompt import Worded
from leantune.models.locate import MINILM_HUB
from leantune.models.verbalizer import placed, sought_tokens

_HEADER = '''#!/usr/bin/env python3
"""Predict labels with the model in this folder. Needs {needs}; leantune is not needed.

    python predict.py {example}
    python predict.py --file rows.csv --text {text} > predicted.csv
"""

from __future__ import annotations

{imports}

FOLDER = Path(__file__).resolve().parent
SETTINGS = {settings}
'''

_STANDARD = ("argparse", "csv", "hashlib", "json", "math", "re", "sys", "warnings", "zlib")
_CARRIED = (
    ("leantune.data.reading", "read"),
    ("leantune.data.cuts", "kept"),
    ("leantune.data.cuts", "words_of"),
    ("leantune.models.surprise", "surprises"),
)
"""Functions of the library that the script uses as they are."""
_NEEDS = {
    "adapter": "torch, transformers, peft and safetensors",
    "whole": "torch, transformers and safetensors",
    "onnx": "onnxruntime, tokenizers and numpy",
}
_COMPOSED = re.compile(r"[|+.]")
"""In the name of a column that is made of others."""


def compose(
    manifest: Manifest,
    *,
    pad: int | None,
    start: int | None,
    prompts: bool,
    own_code: str | None,
    worded: Worded | None = None,
    scored: tuple[int, int] | None = None,
    graph: Graph | None = None,
    in_4_bits: bool = False,
) -> str:
    """The text of `predict.py`.

    Args:
        manifest: of the artifact.
        pad: number of the padding token.
        start: the token that a decoder of its own begins with; None where the body has none.
        prompts: whether virtual tokens stand before the text.
        own_code: module that makes the adapter's type or the body's class known (in the folder or installed), or None.
        worded: the prompt; None without one.
        scored: where words are left out that the base expected: the token before a text, and tokens that it reads at once.
        graph: how the graph is run, where the folder holds one.
        in_4_bits: whether the weights, or those of the base, are those of bitsandbytes.
    """
    functions = _functions(manifest, prompts=prompts, in_4_bits=in_4_bits)
    body, lines = "\n\n".join(_source(function) for function in functions), list[str]()
    if manifest.form == "onnx":  # the parts that stand for another carry its name
        body = re.sub(r"^def predict_\w+\(", "def predict(", re.sub(r"\brun_graph\b", "main", body), flags=re.MULTILINE)
    if names := [(place, name) for place, name in _CARRIED if re.search(rf"\b{name}\(", body)]:
        lines, code = carried(names)
        body = f"{code}\n\n{body}"
    body = re.sub(r"  # noqa.*", "", f"\n\n{body}")
    facts = manifest.facts
    settings = _graph_settings(manifest, pad, graph) if graph else _settings(manifest, pad, start, prompts=prompts) | _prompt(worded, start)
    header = _HEADER.format(
        needs=f"bitsandbytes, {_NEEDS[manifest.form]}" if in_4_bits else _NEEDS[manifest.form],
        example=shown(facts),
        text=facts.text if facts.text.isidentifier() else f'"{facts.text}"',
        imports=_imports(body, own_code, lines),
        settings=pprint.pformat(settings | ({"scored": scored} if scored else {}), width=120, sort_dicts=False),
    )
    return f'{header}{body}\n\nif __name__ == "__main__":\n    main()\n'


def shown(facts: Facts) -> str:
    """Rows on the command line, for people."""
    if facts.chooses:
        return """"a question" '["one option", "another"]'"""
    if facts.hides:
        return '"It is a [MASK] day."'
    return '"these are words" 1' if facts.focused else '"first text" "its pair"' if facts.paired else '"a text" "another text"'


def _source(function: Any) -> str:
    """The text of a function; one of a class stands alone."""
    return textwrap.dedent(inspect.getsource(function)).removeprefix("@staticmethod\n").rstrip() + "\n"


@dataclass(frozen=True)
class Graph:
    """How a graph is run."""

    file: str
    cuts: str
    """Side on which long texts are cut."""
    singly: bool
    """Whether rows are read one at a time."""


def runs_alone(facts: Facts) -> bool:
    """Whether a script can run a graph of this kind of rows with nothing but `onnxruntime` and `tokenizers`."""
    return not facts.asked and facts.cut_side is not None and facts.pieces in ("text", "words", "options")


def _graph_functions(manifest: Manifest) -> list[Any]:
    from leantune.artifact.script import graph  # it imports onnxruntime

    facts = manifest.facts
    parts: list[Any] = [type(catalogue.load("tasks", facts.task)).answer, graph.load_graph, graph.run, graph.encoded]
    if facts.words:
        parts += [tagged.split_words, tagged.begun, graph.predict_tags]
    elif facts.chooses:
        parts += [graph.logits_of, choose.options_of, graph.predict_options]
    else:
        parts += [graph.logits_of, graph.predict_rows]
    return [*parts, graph.check, *_frame(facts), graph.run_graph]


def _graph_settings(manifest: Manifest, pad: int | None, run: Graph) -> dict[str, Any]:
    facts = manifest.facts
    settings = {"labels": facts.labels, "text": facts.text, "text_pair": facts.text_pair, "max_length": manifest.max_length}
    stride = manifest.max_length // OVERLAP if facts.words else 0
    return settings | {"pad": pad or 0, "model": run.file, "cuts": run.cuts, "stride": stride, "rows": 1 if run.singly else 32}


def _frame(facts: Facts) -> list[Any]:
    """Arguments, rows and columns."""
    made = _COMPOSED.search(f"{facts.text}{facts.text_pair}")
    column: list[Any] = [cell_of, composed.column] if made else [frame.column]
    return [frame.read_rows, *column, frame.arguments, frame.rows_of, frame.write_rows]


def _functions(manifest: Manifest, *, prompts: bool, in_4_bits: bool) -> list[Any]:
    if manifest.form == "onnx":
        return _graph_functions(manifest)
    on_base = packed.load_body if in_4_bits else adapter.load_body
    load_body = on_base if manifest.form == "adapter" else whole.load_body
    if manifest.layout in ("stock", "asked"):
        model: list[Any] = [stock.load_model, stock.forward]
    else:
        model = [(virtual if prompts else pooled).token_states, pooled.load_model, pooled.forward]
    facts = manifest.facts
    base = [common.find_base] if manifest.form == "adapter" or facts.compresses else []
    scorer = [compress.scorer if facts.compresses else common.scorer]
    task = catalogue.load("tasks", manifest.facts.task)
    if manifest.facts.asked:
        model = [stock.load_model]
        words = [*scorer, cloze.said, cloze.render, cloze.beside, cloze.encode, cloze.by_words, cloze.soften, cloze.predict]
        predict: list[Any] = [type(task).answer, *words]
    elif task.writes:
        model = [stock.load_model]
        own = [chatting.rendered, chatting.sources_of] if manifest.facts.pieces == "chat" else [written.sources_of]
        predict = [*own, written.rectangle, written.likelihood, written.predict]
    elif manifest.facts.pieces == "hidden":
        model, predict = [stock.load_model], [hide, always_same, pieces_of, likeliest, fill, masked.predict]
    elif manifest.facts.pieces == "passage":
        model, predict = [stock.load_model], [passage.predict]
    elif manifest.facts.spans:
        predict = [spans.best_span, spans.predict]
    elif manifest.facts.words:
        encode = [focus.places_of, focus.encode] if manifest.facts.focused else [tagged.encode]
        predict = [type(task).answer, tagged.split_words, *encode, tagged.begun, tagged.predict]
    elif manifest.facts.chooses:
        predict = [type(task).answer, choose.options_of, choose.predict]
    elif manifest.facts.cut_side is None:
        predict = [type(task).answer, *scorer, written.rectangle, lengthy.logits_of, lengthy.predict]
    else:
        predict = [type(task).answer, common.predict]
    return [*base, load_body, *model, *_frame(manifest.facts), *predict, common.main]


def _settings(manifest: Manifest, pad: int | None, start: int | None, *, prompts: bool) -> dict[str, Any]:
    facts, base = manifest.facts, manifest.base
    settings: dict[str, Any] = {"labels": facts.labels, "text": facts.text, "text_pair": facts.text_pair, "max_length": manifest.max_length}
    if facts.cut_side is None:
        long = Long.parse(facts.long, FIELDS)
        settings |= {"ways": long.plain, "pool": long.windows.pool if long.windows else "mean"}
    if facts.focused:
        settings["spans"] = is_spans(str(facts.text_pair))
    if manifest.layout in ("stock", "asked"):
        settings |= {"pad": pad, "outputs": 0 if facts.asked else facts.outputs, "model": auto_class(facts)}
        if facts.decoding:
            settings |= {"start": start, "decoding": generation_settings(facts.decoding, facts.target_length)}
            settings["rows"] = 1 if prompts else 16  # peft puts virtual tokens before the padding, so there must be none
    else:
        settings |= {"layout": manifest.layout, "unit": facts.anchored}
    if manifest.form == "adapter" or facts.compresses:
        bases = [base.source, MINILM_HUB] if base.name == "minilm" else [base.source]
        settings |= {"bases": list(dict.fromkeys(bases)), "revision": base.revision, "weights": base.weights_digest}
    return settings


def _prompt(worded: Worded | None, start: int | None) -> dict[str, Any]:
    """The prompt as plain values."""
    if worded is None or worded.pieces is None:
        return {}
    pieces, head, tokenizer = worded.pieces, worded.head, worded.setting.base.tokenizer
    members = pieces.members if isinstance(pieces, Several) else (pieces,)
    assert isinstance(members[0], Cloze)
    widths = sought_tokens(head.words)
    words = [[placed(word, widths) for word in own] for own in head.words]
    priors = head.priors or [[0.0] * len(own) for own in head.words]
    found: dict[str, Any] = {"reads": pieces.asks, "soft": head.soft, "words": words, "priors": [list(own) for own in priors]}
    found |= {"prompts": [_member(member) for member in members if isinstance(member, Cloze)]}
    if pieces.apart:
        sign = members[0].signs[0]
        found |= {"start": start, "written": [tokenizer.convert_tokens_to_ids(sign)] if sign else []}
    return found


def _member(member: Cloze) -> dict[str, Any]:
    """One template and what is shown beside it."""
    signs, softs, template = iter(member.signs), iter(member.softs), list[tuple[str, Any, list[str]]]()
    for part in member.prompt.parts:
        if isinstance(part, Field):
            template.append(("text", part.place, list(part.filters)))
        elif isinstance(part, Soft):
            template.append(("soft", next(softs), []))
        else:
            template.append(("said", part, []) if isinstance(part, str) else ("mask", next(signs), []))
    shown = [(one.label, list(one.texts), one.said) for one in member.shown]
    beside = {"shown": shown, "each": member.each, "leads": member.leads, "joint": member.joint}
    return {"template": template, "ways": member.prompt.ways} | beside


def _imports(used: str, own_code: str | None, others: list[str]) -> str:
    standard = [f"import {name}" for name in _STANDARD if re.search(rf"\b{name}\.", used) or name == "argparse"]
    autos = [name for name in ("AutoModel", "AutoTokenizer") if re.search(rf"\b{name}\b", used)]
    abstract = [line for line in others if line.startswith("from collections")]
    standard += ["from math import exp"] if re.search(r"(?<![.\w])exp\(", used) else []
    numbers = ["import numpy as np"] if re.search(r"\bnp\.", used) else []
    numbers += ["from numpy.typing import NDArray"] if "NDArray" in used else []
    lines = [*standard, *abstract, "from pathlib import Path", "from typing import Any", "", *numbers]
    if "InferenceSession" in used:
        return "\n".join([*lines, "from onnxruntime import InferenceSession", "from tokenizers import Tokenizer"])
    lines.append("import torch")
    if "PeftModel" in used:
        lines.append("from peft import PeftModel")
    if "load_file" in used:
        lines.append("from safetensors.torch import load_file")
    if re.search(r"\btransformers\.|\(transformers,", used):
        lines.insert(lines.index("import torch") + 1, "import transformers")
    lines += [f"from transformers import {', '.join(autos)}", "from transformers.utils import logging"]
    if own_code:
        lines += ["", f"import {own_code}  # makes what lies in this folder known to its library"]
    return "\n".join(lines)
