"""What a prompt settles before the training, against plain `transformers`: priors, found words, demonstrations, templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from leantune.core.errors import ArtifactError, SpecError
from leantune.core.events import Finished
from leantune.core.records import Recipe
from leantune.core.study import Conditions, Job
from leantune.core.wording import Wording
from leantune.data.dataset import prepare
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import averaged, make_batch
from leantune.execution.context import Context
from leantune.execution.further import run_further
from leantune.execution.settling import settle
from leantune.execution.trial import run_trial
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Worded
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.prompts._words import Pool, Vocabulary, by_rank, expanded, without_rare

WORDS = {"bad": ("bad", "hate"), "good": ("great", "love")}
FILLER = ("the movie was", "this book is so very", "what a day", "we paid for the food and it was", "my card is", "you help me please")
ROWS = [
    {"text": f"{filler} {word} {'very ' * more}".strip(), "label": label}
    for more in range(2)
    for filler in FILLER
    for label, own in WORDS.items()
    for word in own
]
TESTS = [{"text": f"one {row['text']}", "label": row["label"]} for row in ROWS[:12]]
TEMPLATE = "{text} it was {mask} ."


@pytest.fixture
def opened(tiny_lm: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[Context, Job]]:
    """`opened("bert", "cloze(calibrate=true)")` is a trial of a study, not settled yet."""

    def make(
        family: str,
        link: str,
        *,
        templates: tuple[str, ...] = (TEMPLATE,),
        length: int | None = None,
        rows: list[dict[str, str]] | None = None,
        words: dict[str, tuple[str, ...]] = WORDS,
        tests: tuple[str, ...] = (),
    ) -> tuple[Context, Job]:
        dataset, model = prepare(rows or ROWS, tmp_path / "data", test=dict.fromkeys(tests, TESTS) or None), str(tiny_lm(family))
        base = open_base(model, max_length=length)
        facts: dict[str, Any] = {"task": dataset.task, "metric": "accuracy", "device": "cpu", "data": dataset.digest}
        conditions = Conditions(model=model, weights=None, pooling=base.pooling, max_length=base.max_length, **facts)
        wording = Wording(templates=templates, words=words)
        expression = parse_method(f"{link} | frozen").expression
        recipe = Recipe(task=dataset.task, method=expression, lr=1e-3, steps=1, wording=wording)
        job = Job(name=expression, expression=expression, phase="final", recipe=recipe, seed=1)
        return Context(tmp_path, conditions).of(job), job

    return make


def settled(opened: tuple[Context, Job]) -> tuple[Wording, list[str], Worded]:
    context, notes = settle(*opened)
    assert context.worded is not None
    return context.worded.setting.wording, notes, context.worded


def likely_at_mask(folder: str, texts: list[str]) -> torch.Tensor:
    """(texts, V) by plain `transformers`; the mask is written [MASK]."""
    tokenizer, model = open_base(folder).tokenizer, AutoModelForMaskedLM.from_pretrained(folder).eval()
    found = []
    for text in texts:
        coded = tokenizer(text, return_tensors="pt")
        at = int((coded["input_ids"][0] == tokenizer.mask_token_id).nonzero()[-1])
        with torch.inference_mode():
            found.append(model(**coded).logits[0, at].log_softmax(-1))
    return torch.stack(found)


def test_a_prompt_that_leaves_nothing_open_stays_as_it_is(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze")
    assert settle(context, job) == (context, [])


def test_a_test_set_that_comes_later_is_scored_in_the_words_that_were_settled(
    opened: Callable[..., tuple[Context, Job]], tmp_path: Path
) -> None:
    link = "cloze(calibrate=true, verbalizer=auto, demonstrations=1)"
    *_, first = run_trial(*opened("bert", link, tests=("one",)))
    assert isinstance(first, Finished)
    assert first.record.status == "ok", first.record.reason
    assert first.record.notes[0].startswith("label words: ")
    assert (first.record.cost.train_seconds or 0.0) > 0.0
    folder = tmp_path / "trials" / first.record.digest
    kept = Wording.model_validate_json((folder / "wording.json").read_bytes())
    assert kept.settled
    assert set(kept.priors) == {"bad", "good"}
    *_, later = run_further(*opened("bert", link, tests=("one", "two")))
    assert isinstance(later, Finished)
    assert later.record.scores.further["two"].score == first.record.scores.test
    (folder / "wording.json").unlink()
    with pytest.raises(ArtifactError, match=r"wording.json is missing or damaged"):
        next(run_further(*opened("bert", link, tests=("one", "two", "three"))))


def test_of_many_rows_a_draw_is_looked_at(opened: Callable[..., tuple[Context, Job]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.execution.settling.MOST_ROWS", 8)
    context, job = opened("bert", "cloze(demonstrations=3)")
    _, notes, _ = settled((context, job))
    total = len(context.gold["train"])
    assert notes == [
        "demonstrations: 3 of each label, drawn from 8 training rows",
        f"the wording was settled on 8 of {total} training rows",
    ]


def test_calibration_subtracts_what_words_get_where_no_text_stands(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze(calibrate=true)")
    wording, notes, worded = settled((context, job))
    folder, tokenizer = context.conditions.model, context.base.tokenizer
    nothing = likely_at_mask(folder, ["N/A it was [MASK] .", " it was [MASK] .", "[MASK] it was [MASK] ."]).mean(dim=0)
    for label, words in WORDS.items():
        expected = [float(nothing[tokenizer.convert_tokens_to_ids(word)]) for word in words]
        assert wording.priors[label] == pytest.approx(expected, abs=1e-4)
        assert f"{label} {np.mean(expected):.1f}" in notes[0]
    (row,) = likely_at_mask(folder, ["a book it was [MASK] ."]) - nothing
    expected = [np.mean([float(row[tokenizer.convert_tokens_to_ids(word)]) for word in words]) for words in WORDS.values()]
    assert logits_of(worded, ["a book"])[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_words_are_found_by_the_likelihood_ratio(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze(verbalizer=auto, words=2)", words={"bad": ("bad",), "good": ("good",)})
    wording, notes, _ = settled((context, job))
    train, tokenizer = context.dataset.splits["train"], context.base.tokenizer
    likely = likely_at_mask(context.conditions.model, [f"{text} it was [MASK] ." for text in train.texts]).double()
    odds, good = likely - (1 - likely.exp()).log(), torch.from_numpy(np.array(train.gold) == 1)
    words = {word: number for word, number in tokenizer.get_vocab().items() if word.isalpha() and len(word) > 1}
    numbers = list(words.values())
    scores = {
        label: (odds[own].sum(0) - own.sum() / (~own).sum() * odds[~own].sum(0))[numbers] for label, own in (("bad", ~good), ("good", good))
    }
    for label, other in (("bad", "good"), ("good", "bad")):
        order = sorted(zip(words, scores[label], scores[other], strict=True), key=lambda one: -one[1])
        expected = tuple(word for word, own, others in order if own > others)[:2]
        assert wording.words[label] == expected
    assert notes == [f"label words: bad: {', '.join(wording.words['bad'])}; good: {', '.join(wording.words['good'])}"]


@pytest.mark.parametrize("family", ["gpt2", "t5", "roberta"])
def test_words_are_found_on_every_kind_of_body(opened: Callable[..., tuple[Context, Job]], family: str) -> None:
    wording, _, worded = settled(opened(family, "cloze(verbalizer=auto)", templates=("{text} it was {mask}",)))
    assert {label: len(own) for label, own in wording.words.items()} == {"bad": 3, "good": 3}
    assert all(len(run) == 1 for own in worded.head.words for word in own for run in word)


def test_given_words_get_neighbours_and_the_notes_say_what_was_dropped(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze(verbalizer=knowledge, words=2)")
    wording, notes, _ = settled((context, job))
    words = [word for own in wording.words.values() for word in own]
    assert len(set(words)) == len(words)
    for label, given in WORDS.items():
        assert wording.words[label]
        assert len(set(wording.words[label]) - set(given)) <= 2
    assert notes[0].startswith("label words: bad: ")
    assert any("rare ones were dropped" in note for note in notes)


def test_given_words_are_dropped_only_when_they_are_clearly_harmful() -> None:
    gold = np.array([0] * 16 + [1] * 16)
    likely = np.zeros((32, 4), dtype=np.float32)
    likely[:, 0] = -1.0 - (gold == 0)  # ranks the rows of its own label below all others
    likely[:, 1] = -1.0 - (np.arange(32) % 2)  # chance
    likely[:, 2] = -1.0 - (gold == 0)  # an added word of the other label that tells it
    likely[:, 3] = -1.0 - (gold == 1)  # one that does not
    words = (((1,),), ((2,),), ((3,),), ((4,),))
    pool = Pool(("worst", "plain", "best", "odd"), words, (0, 0, 1, 1), frozenset({"worst", "plain"}))
    assert by_rank(pool, likely, gold, ["no", "yes"], 3) == [[1], [2]]
    only = Pool(("worst", "best"), words[:2], (0, 1), frozenset({"worst", "best"}))
    assert by_rank(only, likely[:, :2], gold, ["no", "yes"], 3) == [[0], [1]]  # a label keeps its last words


def test_rare_and_shared_neighbours_are_dropped() -> None:
    embedding = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.8, 0.2]], dtype=np.float32)
    vocabulary = Vocabulary({"bad": 0, "awful": 1, "good": 2, "nice": 3, "poor": 4}, embedding)
    assert vocabulary.around("bad")[:2] == ["awful", "poor"]
    given = Pool(("bad", "good"), (((0,),), ((2,),)), (0, 1), frozenset({"bad", "good"}))
    found = expanded(given, ["no", "yes"], vocabulary)
    assert found.said == ("bad", "good")  # in so small a vocabulary all words are near both
    assert found.notes == ["3 found beside words of two labels were dropped (awful, nice, poor)"]
    pool = Pool(("bad", "awful", "poor"), (((0,),), ((1,),), ((4,),)), (0, 0, 0), frozenset({"bad"}))
    assert without_rare(pool, np.array([-9, -1, -5], dtype=np.float32)).said == ("bad", "awful")


@pytest.mark.parametrize(("family", "joint"), [("bert", " "), ("gpt2", "\n"), ("t5", " ")])
def test_demonstrations_stand_beside_every_other_row(opened: Callable[..., tuple[Context, Job]], family: str, joint: str) -> None:
    context, job = opened(family, "cloze(demonstrations=1)", templates=("{text} it was {mask}",))
    wording, notes, worded = settled((context, job))
    assert len(wording.demonstrations) == 4  # one of each label, and one that stands in for it
    first, second = wording.demonstrations[:2]
    assert {first.label, second.label} == {"bad", "good"}
    said = [f"{one.texts[0]} it was {WORDS[one.label][0]}" for one in (first, second)]
    tokenizer = context.base.tokenizer

    def plainly(shown: list[str], row: str) -> str:
        own = row if family == "gpt2" else f"{row} [MASK]" if family == "bert" else f"{row} "
        return joint.join([own, *shown] if family == "bert" else [*shown, own])

    expected = tokenizer(plainly(said, "my card it was"))["input_ids"]
    encoded = encode_rows(tokenizer, ExampleChunk(["my card", first.texts[0]]), context.base.max_length, worded.pieces)
    assert encoded.ids[: encoded.first[0]].tolist() == expected
    stand_in = next(one for one in wording.demonstrations[2:] if one.label == first.label)
    own = plainly([said[1], f"{stand_in.texts[0]} it was {WORDS[first.label][0]}"], f"{first.texts[0]} it was")
    start = encoded.starts[1]
    assert encoded.ids[start : start + encoded.first[1]].tolist() == tokenizer(own)["input_ids"]
    assert notes[0].startswith("demonstrations: 1 of each label, drawn from ")


def test_another_seed_shows_other_rows(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze(demonstrations=1)")
    shown = {settled((context, job.model_copy(update={"seed": seed})))[0].demonstrations for seed in (1, 2, 3)}
    assert len(shown) > 1
    assert settled((context, job))[0].demonstrations == settled((context, job))[0].demonstrations


def test_only_the_texts_of_the_row_are_shortened(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, job = opened("bert", "cloze(demonstrations=1)", length=64)
    _, _, worded = settled((context, job))
    encoded = encode_rows(context.base.tokenizer, ExampleChunk(["red " * 200]), 64, worded.pieces)
    said = context.base.tokenizer.decode(encoded.ids)
    assert encoded.first[0] == 64
    assert "[MASK]" in said
    shown = [one.said for one in worded.pieces.shown[:2]]  # type: ignore[attr-defined]
    assert [text.replace(" ", "") in said.replace(" ", "") for text in shown] == [True, True]


def test_demonstrations_that_do_not_fit_are_refused(opened: Callable[..., tuple[Context, Job]]) -> None:
    with pytest.raises(SpecError, match=r"6 demonstrations of each of 2 labels do not fit beside a row: at most [1-5] do"):
        settle(*opened("bert", "cloze(demonstrations=6)", length=64))
    with pytest.raises(SpecError, match="not even one does"):
        settle(*opened("bert", "cloze(demonstrations=1)", length=24))
    with pytest.raises(SpecError, match=r'label "good" has \d+ training rows. Show so many at most'):
        settle(*opened("bert", "cloze(demonstrations=40)"))


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_all_templates_are_averaged(opened: Callable[..., tuple[Context, Job]], family: str) -> None:
    templates = ("{text} it was {mask}", "{text} and so very {mask}")
    words = {"bad": ("bad",), "good": ("good",)}
    context, job = opened(family, "cloze(template=all)", templates=templates, words=words)
    both = context.worded
    assert both is not None
    one, other = (
        logits_of(both.saying(Wording(templates=(source,), words=words, settled=True)), ["my card", "", "very red " * 9])
        for source in templates
    )
    expected = (one.log_softmax(-1) + other.log_softmax(-1)) / 2
    encoded = encode_rows(context.base.tokenizer, ExampleChunk(["my card", "", "very red " * 9]), context.base.max_length, both.pieces)
    assert encoded.rows.tolist() == [0, 0, 1, 1, 2, 2]
    options = {"pad": context.pad, "types": context.types, "device": context.device}
    found = averaged(build_network(context.base, both.head, seed=1), encoded, **options)
    assert np.abs(found - expected.numpy()).max() < 1e-5
    assert settle(context, job) == (context, [])


def test_the_best_template_is_the_one_that_answers_the_training_rows(opened: Callable[..., tuple[Context, Job]]) -> None:
    templates = ("{text} it was {mask} .", "so {mask} {text}", "{mask} and {text}")
    context, job = opened("bert", "cloze(template=best)", templates=templates)
    wording, notes, _ = settled((context, job))
    train = context.dataset.splits["train"]
    right = []
    for template in templates:
        texts = [template.format(text=text, mask="[MASK]") for text in train.texts]
        likely = likely_at_mask(context.conditions.model, texts)
        numbers = [[context.base.tokenizer.convert_tokens_to_ids(word) for word in own] for own in WORDS.values()]
        scores = torch.stack([likely[:, own].mean(dim=1) for own in numbers], dim=1)
        right.append(float((scores.argmax(1).numpy() == train.gold).mean()))
    assert wording.templates == (templates[int(np.argmax(right))],)
    assert f"{100 * right[0]:.1f} %, {100 * right[1]:.1f} %, {100 * right[2]:.1f} % of {len(train)} training rows right" in notes[0]


def test_few_rows_choose_no_template(opened: Callable[..., tuple[Context, Job]]) -> None:
    rows = [row for row in ROWS if row["label"] == "bad"] + [row for row in ROWS if row["label"] == "good"][:9]
    context, job = opened("bert", "cloze(template=best)", templates=(TEMPLATE, "so {mask} {text}"), rows=rows)
    wording, notes, _ = settled((context, job))
    assert wording.templates == (TEMPLATE, "so {mask} {text}")
    assert "fewer than 8 training rows of a label" in notes[0]


def test_without_a_template_those_of_the_bank_are_taken(opened: Callable[..., tuple[Context, Job]]) -> None:
    context, _ = opened("bert", "cloze(template=all)", templates=())
    assert context.worded is not None
    assert context.worded.unsupported is None
    assert len(context.worded.pieces.members) == 4  # type: ignore[attr-defined]
    pairs = [row | {"text_pair": "a red book"} for row in ROWS]
    context, _ = opened("gpt2", "cloze(template=all)", templates=(), rows=pairs)
    assert context.worded is not None
    assert len(context.worded.pieces.members) == 2  # type: ignore[attr-defined]  # those that end with the mask


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("cloze(template=worst)", "write the number of a template"),
        ("cloze(template=0)", "write the number of a template"),
        ("cloze(calibrate=true, verbalizer=soft)", "calibrate reads words"),
        ("cloze(words=4)", "use it with verbalizer=auto or verbalizer=knowledge"),
        ("cloze(demonstrations=-1)", "demonstrations"),
        ("cloze(verbalizer=best)", "verbalizer"),
    ],
)
def test_wrong_options_are_told(link: str, says: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_method(f"{link} | frozen")
    assert says in error.value.message


def test_nothing_is_settled_behind_soft_tokens(opened: Callable[..., tuple[Context, Job]]) -> None:
    for link in ("cloze(calibrate=true)", "cloze(demonstrations=1)"):
        context, _ = opened("bert", link, templates=("{text} {soft:2} {mask}",))
        assert context.worded is not None
        with pytest.raises(SpecError, match="soft tokens, which mean nothing before they are trained"):
            context.worded.pieces  # noqa: B018


def test_templates_behind_which_words_are_other_tokens_are_not_averaged(opened: Callable[..., tuple[Context, Job]]) -> None:
    words = {"bad": ("not bad",), "good": ("so good",)}
    context, _ = opened("bert", "cloze(template=all)", templates=(TEMPLATE, "{mask} {text} {mask}"), words=words)
    assert context.worded is not None
    with pytest.raises(SpecError, match="so they cannot be averaged"):
        context.worded.pieces  # noqa: B018
    context, _ = opened("bert", "cloze(verbalizer=auto)", templates=("{mask} {text} {mask}",))
    assert context.worded is not None
    with pytest.raises(SpecError, match="words that are found are one token"):
        context.worded.pieces  # noqa: B018


def logits_of(worded: Worded, rows: list[str]) -> torch.Tensor:
    base = worded.setting.base
    encoded = encode_rows(base.tokenizer, ExampleChunk(rows), base.max_length, worded.pieces)
    network, found = build_network(base, worded.head, seed=1).eval(), []
    for row in range(len(rows)):
        padded = encoded.padded(np.array([row]), int(base.tokenizer.pad_token_id or 0))
        with torch.inference_mode():
            found.append(network(make_batch(padded, types="token_type_ids" in base.tokenizer.model_input_names))[0])
    return torch.stack(found)
