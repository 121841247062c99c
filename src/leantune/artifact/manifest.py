"""Manifest: what a deployable folder says about itself, `leantune.json`. Public and versioned.

    manifest = read_manifest(Path("best"))          every file is checked against its hash first
    manifest.labels, manifest.method, manifest.layout

The hashes find damage and mix-ups; they are no signature. The model card is listed but may be edited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from leantune.artifact.integrity import NAME, check_files, is_name, sha256
from leantune.core.errors import ArtifactError
from leantune.core.files import write_atomic
from leantune.core.long import FIELDS, Long
from leantune.core.records import Cost, Decoding, Interval, Recipe, Scores
from leantune.core.spec import Spec
from leantune.core.wording import Asked, Wording
from leantune.data.template import Template
from leantune.data.words import OF_WORDS
from leantune.kinds.prompt import columns_of
from leantune.models.untrusted import read_object

VERSION = 1
"""Of this format; a folder of another one is told what to do."""


class BaseFacts(Spec):
    """The base model that an artifact stands on."""

    name: str
    """As the user gave it."""
    source: str
    """The folder or hub name that it was."""
    revision: str | None = None
    """Commit on the hub."""
    weights_digest: str | None = None
    """Hash of the weight files; another base is an error, not a warning. None where the hub has no safetensors, or in older artifacts."""
    pooling: str
    """The base's own pooling: stock, mean, cls or last."""
    licence: str | None = None
    """As the base's own card says."""


def _distinct(labels: list[str]) -> list[str]:
    if len(set(labels)) < len(labels):
        raise ValueError("a label stands there twice")
    return labels


class Facts(Spec):
    """What only the one who trained knows."""

    task: str
    labels: Annotated[list[str], AfterValidator(_distinct)] = Field(min_length=1)
    method: str
    """The method's expression."""
    title: str = ""
    """The method's name for people."""
    paper: str = "-"
    recipe: Recipe | None = None
    text: str = "text"
    """Name of the text column that was trained on."""
    text_pair: str | None = None
    """Name of the second text's column; None for single texts."""
    label: str = "label"
    """Name of the label column that was trained on."""
    outputs: int = Field(ge=0)
    """Width of the logits."""
    pieces: str = "text"
    """How rows become pieces, a name of `data.pieces`."""
    asked: Asked | None = None
    """How the base is asked behind a prompt; None without one."""
    anchored: bool = False
    """Whether the head reads pooled states of length 1."""
    target_length: int = 0
    """Tokens that are written for a row at most; 0 where none are."""
    long: str = "head"
    """How texts are read that are too long, as `core.long.Long` writes it."""
    decoding: Decoding | None = None
    """How texts are written; None where none are."""
    virtual_tokens: int = Field(default=0, ge=0)
    data: str = ""
    """Name of the data set; no text of it is kept but for the demonstrations of a prompt."""
    rows: dict[str, int] = Field(default_factory=dict)
    """Rows per split."""
    metric: str = "accuracy"
    scores: Scores = Scores()
    interval: Interval | None = None
    """Of the test score."""
    verdict: str | None = None
    reason: str | None = None
    """Why this method was chosen."""
    cost: Cost = Cost()

    @property
    def cut_side(self) -> str | None:
        """Where every library cuts long texts off as the training did; None where none does, because other parts of them are read."""
        names = {way.name for way in Long.parse(self.long, FIELDS).ways}
        return "right" if self.asked or names == {"head"} else "left" if names == {"tail"} else None

    @property
    def compresses(self) -> bool:
        """Whether words of long texts are left out that the base, as it was before the training, expected."""
        long = Long.parse(self.long, FIELDS)
        if not self.asked or self.wording is None:
            return long.compresses
        columns = columns_of(self.text, self.text_pair)
        templates = [Template.parse(one, columns).cutting(long) for one in self.wording.around_rows]
        return any(way["name"] == "compress" for template in templates for way in template.ways)

    @property
    def wording(self) -> Wording | None:
        """What the prompt says; None without one."""
        return self.recipe.wording if self.recipe else None

    @property
    def paired(self) -> bool:
        """Whether a row is a pair of texts."""
        return self.text_pair is not None

    @property
    def words(self) -> bool:
        """Whether a row is a list of words."""
        return self.pieces in OF_WORDS

    @property
    def focused(self) -> bool:
        """Whether a row is about some of its words."""
        return self.pieces == "focus"

    @property
    def spans(self) -> bool:
        """Whether answers are spans of the second text."""
        return self.pieces == "spans"

    @property
    def hides(self) -> bool:
        """Whether tokens of a text are hidden, and masks in it are filled."""
        return self.pieces == "hidden"

    @property
    def chooses(self) -> bool:
        """Whether a row has options of its own."""
        return self.pieces == "options"


_ASKED_CLASSES = {"masked": "MaskedLM", "next": "CausalLM", "apart": "Seq2SeqLM"}
AUTO_CLASSES = {
    **dict.fromkeys(("words", "focus"), "TokenClassification"),
    "spans": "QuestionAnswering",
    **dict.fromkeys(("continued", "chat", "passage"), "CausalLM"),
    **dict.fromkeys(("transduced", "corrupted"), "Seq2SeqLM"),
    "hidden": "MaskedLM",
}
"""What `transformers` calls the model that reads such pieces, behind AutoModelFor; SequenceClassification for all others."""


def auto_class(facts: Facts) -> str:
    """The class of `transformers` that loads a model with a stock head; `peft` has one of the same name with AutoPeft."""
    return f"AutoModelFor{_ASKED_CLASSES[facts.asked] if facts.asked else AUTO_CLASSES.get(facts.pieces, 'SequenceClassification')}"


Form = Literal["adapter", "whole", "onnx", "ensemble"]


def _inside(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name[:80]!r} is no folder inside of the artifact")
    return name


class Member(Spec):
    """One model of an ensemble."""

    folder: Annotated[str, AfterValidator(_inside)]
    """Inside of the ensemble, an artifact of its own."""
    weight: float
    """Of its probabilities; those of all members sum to 1."""
    method: str
    base: BaseFacts


class Manifest(Spec):
    """Everything that is needed to load an artifact and to trust it."""

    version: int = VERSION
    leantune: str
    versions: dict[str, str] = Field(default_factory=dict)
    """Of the libraries that it was proven with."""
    created: str
    """ISO time."""
    facts: Facts
    base: BaseFacts
    """Of an ensemble that of its first member."""
    form: Form
    """adapter: the base is needed too; whole: the folder holds the whole model; onnx: the folder holds a graph; ensemble: `members`."""
    members: list[Member] = []
    """The models of an ensemble."""
    layout: str
    """How the head sits on the body: stock, mean, cls or last."""
    max_length: int = Field(ge=1, le=1_000_000)
    """Tokens per row at most."""
    loads_in: list[str] = Field(default_factory=list)
    """Programs and libraries that load the folder."""
    proof: str | None = None
    """The check after saving, in one sentence."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of every other file, by relative path."""


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash all files and write the manifest; the last thing that is written."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    full = manifest.model_copy(update={"files": {path.relative_to(folder).as_posix(): sha256(path) for path in paths}})
    write_atomic(folder / NAME, full.model_dump_json(indent=1) + "\n")
    return full


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact whose files are all there and unchanged.

    Raises:
        ArtifactError: E-ARTIFACT with every file that is missing or changed.
    """
    file = folder / NAME
    if not file.is_file():
        raise ArtifactError(f'"{folder}" is no artifact: {NAME} is missing. {_hint(folder)}', "E-ARTIFACT")
    raw = read_object(file)
    _refuse_version(file, raw)
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        raise ArtifactError(f"{file}: cannot be read: {_faults(error)}. Copy the whole folder again.", "E-ARTIFACT") from error
    check_files(folder, manifest.files)
    return manifest


def _refuse_version(file: Path, raw: dict[str, Any]) -> None:
    """Say what to do with a format that this version does not read."""
    version, maker = raw.get("version", VERSION), f"leantune {raw.get('leantune')}"
    if type(version) is not int:
        raise ArtifactError(f'{file}: "version" is {version!r} and no number. Copy the whole folder again.', "E-ARTIFACT")
    if version > VERSION:
        message = f"written by a newer leantune ({raw.get('leantune')}, format {version}; this one reads {VERSION}). Update leantune."
        raise ArtifactError(f"{file}: {message}", "E-ARTIFACT")
    if version < VERSION:
        message = f"written by an older {maker} in format {version}, and this one reads {VERSION}. Load it with {maker}, or train again."
        raise ArtifactError(f"{file}: {message}", "E-ARTIFACT")


def _faults(error: ValidationError) -> str:
    """The first few fields that are wrong."""
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:3])


def _hint(folder: Path) -> str:
    if folder.is_file():
        return "It is a file. Artifacts are folders and nothing is unpacked: unpack it yourself, where you trust it."
    if not folder.exists():
        return "There is no such folder."
    if (folder / "best" / NAME).is_file():
        return f'Did you mean "{folder / "best"}"?'
    return "Give the folder that leantune compare or leantune train saved (best/)."
