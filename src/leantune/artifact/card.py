"""The model card of an artifact, `README.md`: what it is, how good, what it cost, how to use it, where it ends. No text of the user's."""

from __future__ import annotations

from pathlib import PurePath

from leantune.artifact.manifest import BaseFacts, Facts, Manifest, auto_class
from leantune.artifact.script.compose import shown
from leantune.core import catalogue, human
from leantune.core.recipe import Teaching
from leantune.data.unlabelled_rows import OWN
from leantune.kinds.method import parse_method
from leantune.kinds.task import Task
from leantune.models.locate import MINILM_HUB


def card(manifest: Manifest) -> str:
    """The card as Markdown with the hub's front matter."""
    parts = [_front(manifest), _title(manifest), _facts(manifest), _use(manifest), _limits(manifest), _licence(manifest)]
    return "\n\n".join(parts) + "\n"


def _front(manifest: Manifest) -> str:
    base = _hub_name(manifest.base)
    lines = ["---", *([f"base_model: {base}"] if base else []), f"library_name: {_library(manifest)}"]
    return "\n".join([*lines, f"pipeline_tag: {_task(manifest).pipeline}", "tags:", "- leantune", f"- {_task(manifest).pipeline}", "---"])


def _title(manifest: Manifest) -> str:
    facts = manifest.facts
    rows = f" ({human.plural(facts.rows['train'], 'training row')})" if "train" in facts.rows else ""
    what = _task(manifest).describe(facts.labels, "pairs of texts" if facts.paired else "texts")
    on = f"on {_data(manifest) or 'a labelled file'}{rows}"
    how = f"Trained by {facts.title or facts.method} from `{_name(manifest.base)}` {on}"
    if manifest.members:
        how = f"{len(manifest.members)} models that were trained {on}, put together"
    why = f" {facts.reason}" if facts.reason else ""
    return f"# {_data(manifest) or 'Text'}: {facts.task}\n\n{what}\n\n{how} with leantune {manifest.leantune}.{why}"


def _task(manifest: Manifest) -> Task:
    task: Task = catalogue.load("tasks", manifest.facts.task)
    return task


def _facts(manifest: Manifest) -> str:
    facts, cost = manifest.facts, manifest.facts.cost
    trained = f"{human.count(cost.trainable_params)} ({human.count(cost.trainable_params_without_head)} without the head)"
    score = human.percent(facts.scores.test)
    if facts.interval is not None:
        score = f"{score} (90 % interval {human.percent(facts.interval.low)} to {human.percent(facts.interval.high)})"
    rows = {
        "Method": f"`{facts.method}`" + (f" ({facts.paper})" if facts.paper != "-" else ""),
        f"Test {facts.metric}": score,
        **{f"Test {facts.metric}, {name}": human.percent(found.score) for name, found in facts.scores.further.items()},
        f"Dev {facts.metric}": human.percent(facts.scores.dev),
        "Trained parameters": trained if cost.trainable_params else human.DASH,
        "Stored for this task": human.size(cost.saved_bytes),
        "Training time": human.duration(cost.train_seconds),
        "Latency, one row": human.milliseconds(cost.latency_ms.batch_1 if cost.latency_ms else None),
        "Head": _head(manifest),
        "Prompt": _prompt(facts),
        "Taught by": _teacher(facts),
        "Members": _members(manifest),
        "Tokens at a time": f"at most {manifest.max_length:,}"
        + (f"; of longer texts `{facts.long}` is read" if facts.long != "head" else ""),
        "Checked": manifest.proof or "not yet",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value != human.DASH]
    return "\n".join(["## Facts", "", "| | |", "|---|---|", *lines])


def _members(manifest: Manifest) -> str:
    """Weight, method and base of the models of an ensemble."""
    said = [f"{one.weight:.2f} `{one.method}` on `{_name(one.base)}`" for one in manifest.members]
    return ("; ".join(said) or human.DASH).replace("|", "\\|")


def _head(manifest: Manifest) -> str:
    if manifest.members:
        return human.DASH
    if manifest.form == "onnx":
        return "inside of the ONNX graph"
    return "of the base's own class" if manifest.layout == "stock" else f"linear, on the {_POOLED[manifest.layout]}"


def _prompt(facts: Facts) -> str:
    """What is said to the base, and the words of the labels."""
    if facts.wording is None:
        return human.DASH
    words = "; ".join(f"{label}: {', '.join(own)}" for label, own in facts.wording.words.items())
    shown = len(facts.wording.demonstrations)
    more = f"; {human.plural(shown, 'training row')} with labels as demonstrations, in full in this folder" if shown else ""
    read = "; read against what the words get where no text stands" if facts.wording.priors else ""
    said = f"{' or '.join(f'`{template}`' for template in facts.wording.templates)} with {words}{read}{more}"
    return said.replace("|", "\\|").replace("\n", " ")


def _teacher(facts: Facts) -> str:
    """Who judged the unlabelled rows that were learned from, or was imitated."""
    teaching = facts.recipe.teaching if facts.recipe else None
    if facts.recipe and facts.recipe.distilling is not None:
        distilling = facts.recipe.distilling
        named = [f"`{one}`" for one in distilling.names] + [f"the artifact `{one.name}`" for one in distilling.experts]
        return ", ".join(named).replace("|", "\\|")
    if facts.recipe is None or teaching is None:
        return human.DASH
    views, teacher = teaching.later or teaching.views, parse_method(facts.recipe.method).teacher
    methods = ", ".join(f"`{one}`" for one in dict.fromkeys(view.method for view in views))
    trained = f" in {teacher.after + 1} generations" if teacher and teacher.after else ""
    said = f"{human.plural(len(views), 'view')}{trained} of {human.plural(teaching.rows, _judged(teaching))}: {methods}"
    return said.replace("|", "\\|")


def _judged(teaching: Teaching) -> str:
    return "training text" if teaching.unlabelled == OWN else "unlabelled row"


_POOLED = {
    "tokens": "token states",
    "mean": "mean of the token states",
    "cls": "state of the first token",
    "last": "state of the last token",
    "asked": "state at the first mask, from the words of the labels",
}


def _use(manifest: Manifest) -> str:
    example, command = _example(manifest.facts), "or `leantune predict path/to/this/folder rows.csv`."
    parts = ["## Use", "With leantune:", _code(f'import leantune as lt\n\nlt.load("path/to/this/folder").predict({example})')]
    if manifest.members:
        return "\n\n".join([*parts, f"{command} {_TOGETHER}"])
    if "predict.py" in manifest.loads_in:
        parts.append(f"{command} Without it, `predict.py` in this folder is all that is needed:")
        parts.append(_code(f"python predict.py {shown(manifest.facts)}", "sh"))
    elif manifest.form == "onnx":
        parts.append(
            f"{command} There is no `predict.py`: how such rows become pieces and answers needs more than `onnxruntime` and `tokenizers`."
        )
    else:
        parts.append(
            f"{command} There is no `predict.py`: what is taken out of a text is drawn by leantune, so only it can judge a text so."
        )
    if manifest.facts.hides:
        parts.append(_MASKS)
    parts.append(_plain(manifest, '[("a question", "one option")]' if manifest.facts.chooses else example))
    if manifest.facts.chooses:
        parts.append(
            "The one output is the score of an option read behind the text; the softmax over the options of a row says how likely each is."
        )
    return "\n\n".join(parts)


_TOGETHER = (
    "Its answer is by the weighted mean of the probabilities of its members, so it costs what all of them cost. Each folder in `members` "
    "is an artifact of its own. There is no other form of an ensemble: distil it into one model, "
    "`leantune train FILE --method \"distill(teacher='path/to/this/folder') | full\"`."
)
_MASKS = (
    "Masks in a text (`[MASK]`, or what the tokenizer of the base calls it) are filled with the likeliest words, all at once; the score is "
    "their probability, of several their geometric mean. Of a text without masks it says the perplexity, by tokens hidden for that."
)


def _example(facts: Facts) -> str:
    """A row in Python."""
    if facts.hides:
        return '["It is a [MASK] day."]'
    if facts.focused:
        return '[(["some", "words"], 1)]'
    if facts.chooses:
        return '[("a question", ["one option", "another"])]'
    return '[("first text", "its pair")]' if facts.paired else '[["some", "words"]]' if facts.words else '["a text"]'


_GRAPH = (
    "The graph (`*.onnx`) takes `input_ids`, `attention_mask` and, where the tokenizer makes them, `token_type_ids` of any number of rows "
    "and tokens, and gives `logits`; any ONNX runtime runs it."
)


def _plain(manifest: Manifest, example: str) -> str:
    if manifest.form == "onnx":
        return _GRAPH
    if "sentence-transformers" in manifest.loads_in:
        note = "The numbers are the outputs before `predict.py` turns them into an answer; of labels in the order above."
        whole = ', model_kwargs={"dtype": "float32"}' if manifest.form == "adapter" else ""  # see _DTYPE
        code = (
            f'from sentence_transformers import SentenceTransformer\n\nSentenceTransformer("path/to/this/folder"{whole}).encode({example})'
        )
        return f"With sentence-transformers:\n\n{_code(code)}\n\n{note}"
    auto = auto_class(manifest.facts)
    if manifest.facts.pieces == "hidden" and "peft" in manifest.loads_in:
        return f"With peft:\n\n{_code(_masked(_hub_name(manifest.base) or 'path/to/the/base', in_4_bits=_in_4_bits(manifest)))}"
    for library, name in (("peft", auto.replace("Auto", "AutoPeft", 1)), ("transformers", auto)):
        if library in manifest.loads_in:
            count = f", num_labels={manifest.facts.outputs}" if library == "peft" and manifest.facts.outputs else ""
            count += f", {_DTYPE}" if library == "peft" else ""
            inner = ".base_model  # its own class drops the token types" if library == "peft" and manifest.facts.spans else ""
            more = f"{count}, quantization_config=packing" if _in_4_bits(manifest) else count
            code = f'from {library} import {name}\n\nmodel = {name}.from_pretrained("path/to/this/folder"{more}){inner}'
            code = f"{_PACKED}\n{code}" if _in_4_bits(manifest) else code
            return f"With {library}:\n\n{_code(code)}"
    if manifest.facts.cut_side is None:
        return (
            f"Plain libraries read long texts from their beginning, this model by `{manifest.facts.long}`; `predict.py` shows how, and how "
            "base and weights belong together, with plain transformers and peft."
        )
    if manifest.facts.target_length:
        return "`predict.py` shows how it is put together with plain transformers and peft."
    return (
        "Plain sentence-transformers cannot put this method's adapter on the base; `predict.py` shows how the base, the adapter and "
        "the head (`2_Dense`) belong together, with plain transformers and peft."
    )


_DTYPE = 'dtype="float32"'
"""A base that is stored in half precision is loaded in that otherwise, and rounds."""
_PACKED = """import json

from transformers import BitsAndBytesConfig

packing = BitsAndBytesConfig(**json.load(open("path/to/this/folder/quantization_config.json")))
"""


def _in_4_bits(manifest: Manifest) -> bool:
    """Whether the adapter stands on a base in 4 bits."""
    return manifest.form == "adapter" and any(one.packing for _, one in parse_method(manifest.facts.method).structures)


def _masked(base: str, *, in_4_bits: bool) -> str:
    """How an adapter of a masked model is loaded; `peft` has no class of its own for it."""
    before, more = (f"{_PACKED}\n", ", quantization_config=packing") if in_4_bits else ("", "")
    return (
        f"{before}from peft import PeftModel\nfrom transformers import AutoModelForMaskedLM\n\n"
        f'base = AutoModelForMaskedLM.from_pretrained("{base}", {_DTYPE}{more})\n'
        'model = PeftModel.from_pretrained(base, "path/to/this/folder")'
    )


def _limits(manifest: Manifest) -> str:
    rows = manifest.facts.rows.get("test")
    measured = (
        f"The scores were measured on {human.plural(rows, 'test row')} of the same data"
        if rows
        else "The scores were measured on that data"
    )
    long = "are read in overlapping pieces of" if manifest.facts.words or manifest.facts.spans else "are cut after"
    long = "lose their beginning: with an option they have at most" if manifest.facts.chooses else long
    lines = [
        f"{measured}; on texts of another kind, language or time they can be lower.",
        "It always answers, also where no answer fits. The score is the model's own probability, not calibrated.",
        f"Longer rows {long} {manifest.max_length:,} tokens.",
    ]
    if manifest.facts.compresses:
        lines.append(
            f"What is left out of longer texts is said by the base as it was before the training, `{_name(manifest.base)}`: keep it."
        )
    if manifest.form == "adapter":
        form = ", packed into 4 bits as `quantization_config.json` says" if _in_4_bits(manifest) else ""
        lines.append(
            f"It stands on exactly the weights of `{_name(manifest.base)}` that it was trained on{form}; with others it refuses to load."
        )
    return "\n".join(["## Limits", "", *(f"- {line}" for line in lines)])


def _licence(manifest: Manifest) -> str:
    bases = {_name(one): one.licence for one in [manifest.base, *(member.base for member in manifest.members)]}
    said = "; ".join(f"{name}: " + (f"its card says `{own}`" if own else "look it up in its own card") for name, own in bases.items())
    whose = "The base model's licence applies" if len(bases) == 1 else "The licences of the base models apply"
    return f"## Licence\n\n{whose} to what is made of it ({said}), and so do the terms of your data."


_LIBRARIES = {"adapter": "peft", "whole": "transformers", "onnx": "onnx", "ensemble": "leantune"}


def _library(manifest: Manifest) -> str:
    known = [name for name in ("sentence-transformers", "peft", "transformers") if name in manifest.loads_in]
    return known[0] if known else _LIBRARIES[manifest.form]


def _name(base: BaseFacts) -> str:
    """The base model's name; of a folder only the last part, the rest is the user's own affair."""
    name = base.name
    return name if _hub_name(base) else name.rstrip("/").rsplit("/", 1)[-1]


def _data(manifest: Manifest) -> str:
    data = manifest.facts.data
    return PurePath(data).name if PurePath(data).suffix else data


def _hub_name(base: BaseFacts) -> str | None:
    if base.name == "minilm":
        return MINILM_HUB
    return base.source if base.source.count("/") == 1 and not base.source.startswith(("/", ".")) else None


def _code(text: str, language: str = "python") -> str:
    return f"```{language}\n{text}\n```"
