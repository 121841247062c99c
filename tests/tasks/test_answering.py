"""Answering: characters to tokens and back, over pieces, padding and virtual tokens; leantune and `predict.py` choose alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leantune.artifact.script.spans import best_span
from leantune.core import catalogue
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import make_batch, predict
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded, Task
from leantune.models.adaptation import Target
from leantune.models.base import load_tokenizer, open_base
from leantune.models.build import build_network
from leantune.models.network import Network
from leantune.tasks.answering import LONGEST

SPANS, MAYBE = ["start", "end"], ["start", "end", "no answer"]
X = [-1, -1]
CONTEXT = "it began in 1920 in May"
MARKS = np.array(
    [
        [X, X, X, [0, 2], [3, 8], [9, 11], X, X],
        [X, X, X, [9, 11], [12, 14], [14, 16], [17, 19], X],
        [X, X, X, [17, 19], [20, 23], X, X, X],
    ]
)
"""Three pieces of the context behind two tokens of the question; the year is two tokens and whole in the second piece only."""
YEAR = [{"start": 12, "text": "1920"}]


@pytest.fixture
def task() -> Task:
    found: Task = catalogue.load("tasks", "answering")
    return found


def places(targets: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """For each piece the tokens with a target of the start and of the end."""
    return [tuple(np.flatnonzero(piece[:, side] == 1).tolist() for side in (0, 1)) for piece in targets]  # type: ignore[misc]


def test_targets_are_the_first_and_the_last_token(task: Task) -> None:
    targets = task.targets([YEAR], np.zeros(3, np.int64), MARKS, 2)
    assert places(targets) == [([0], [0]), ([4], [5]), ([0], [0])], "not here where the answer is not whole"
    open_places = (targets >= 0).all(axis=-1)
    assert (open_places == (MARKS[..., 0] >= 0) | (np.arange(8) == 0)).all()
    assert ((targets >= 0).any(axis=-1) == open_places).all()


@pytest.mark.parametrize(
    ("gold", "expected"),
    [
        ([{"start": 9, "text": "in"}], [([5], [5]), ([3], [3]), ([0], [0])]),
        ([{"start": 3, "text": "began in 19"}], [([0], [0]), ([0], [0]), ([0], [0])]),
        ([{"start": 13, "text": "92"}], [([0], [0]), ([4], [5]), ([0], [0])]),
        ([{"start": 16, "text": " in May"}], [([0], [0]), ([0], [0]), ([3], [4])]),
        ([{"start": 9, "text": "in "}], [([5], [5]), ([3], [3]), ([0], [0])]),
        ([{"start": -1, "text": "never"}, *YEAR], [([0], [0]), ([4], [5]), ([0], [0])]),
        ([], [([0], [0])] * 3),
        ([{"start": -1, "text": "never"}], [([], [])] * 3),
    ],
)
def test_targets_of_odd_answers(gold: Any, expected: Any, task: Task) -> None:
    """Answers cut by a piece, parts of tokens, spaces around, a second reference, no answer, answers that stand nowhere."""
    assert places(task.targets([gold], np.zeros(3, np.int64), MARKS, 2)) == expected


def test_tokens_may_count_the_space_before_a_word(task: Task) -> None:
    spaced = np.array([[X, [0, 2], [2, 8], [8, 11], [11, 14], [14, 16]]])
    assert places(task.targets([YEAR], np.zeros(1, np.int64), spaced, 2)) == [([4], [5])]


def test_loss_is_that_of_two_choices(task: Task) -> None:
    """Over the tokens of the text and the first one; all others could be anything."""
    targets = torch.from_numpy(task.targets([YEAR], np.array([0, 0]), MARKS[1:], 2))
    logits = torch.zeros(2, 8, 2)
    logits[0, 4, 0], logits[0, 5, 1], logits[1, 0, 0] = math.log(4), math.log(6), math.log(2)
    expected = -(math.log(4 / 8) + math.log(6 / 10) + math.log(2 / 4) + math.log(1 / 3)) / 4
    assert float(task.loss(logits, targets)) == pytest.approx(expected, rel=1e-6)
    other = torch.where(targets < 0, 100 * torch.randn(2, 8, 2, generator=torch.Generator().manual_seed(0)), logits)
    assert float(task.loss(other, targets)) == pytest.approx(expected, rel=1e-6)
    assert float(task.loss(logits.bfloat16(), targets)) == pytest.approx(expected, rel=1e-2)


def test_answers_that_stand_nowhere_teach_nothing(task: Task) -> None:
    nowhere = [{"start": -1, "text": "never"}]
    logits = torch.randn(2, 8, 2, requires_grad=True)
    both = task.loss(logits, torch.from_numpy(task.targets([YEAR, nowhere], np.array([0, 1]), MARKS[[1, 1]], 2)))
    one = task.loss(logits[:1], torch.from_numpy(task.targets([YEAR], np.array([0]), MARKS[[1]], 2)))
    assert float(both.detach()) == pytest.approx(float(one.detach()), rel=1e-6)
    alone = task.loss(logits, torch.from_numpy(task.targets([nowhere], np.array([0, 0]), MARKS[[0, 1]], 2)))
    alone.backward()
    assert float(alone.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def encoded_of(rows: list[int]) -> Encoded:
    """Pieces without content; only the rows matter."""
    starts = 8 * np.arange(len(rows) + 1)
    return Encoded(np.zeros(starts[-1], np.int32), starts, np.full(len(rows), 3), np.array(rows))


def likely(*spans: tuple[int, int, float], nothing: float = 0.0, tokens: int = 8) -> torch.Tensor:
    """A piece in which spans have a sum of logits of their own; 0 for "not here" unless told."""
    logits = torch.full((1, tokens, 2), -20.0)
    logits[:, 0] = nothing / 2
    for first, last, score in spans:
        logits[0, first, 0] = logits[0, last, 1] = score / 2
    return logits


def answers(task: Task, pieces: list[torch.Tensor], marks: np.ndarray, labels: list[str]) -> tuple[str, float]:
    decoded = task.decode(torch.cat(pieces), marks)
    found = task.join(decoded, encoded_of([0] * len(pieces)), labels, None, [CONTEXT])
    return found.predicted[0], float(found.confidence[0])


def test_the_best_span_over_all_pieces(task: Task) -> None:
    pieces = [likely((3, 3, 1.0)), likely((4, 5, 4.0)), likely((4, 4, 2.0))]
    said, sure = answers(task, pieces, MARKS, SPANS)
    assert said == "1920"
    assert sure == pytest.approx((math.exp(2) / (math.exp(2) + 1)) ** 2, rel=1e-4)


def test_no_answer_where_no_piece_wants_its_span(task: Task) -> None:
    """The least sure piece decides: each is sure that the answer is not in itself."""
    pieces = [likely((3, 3, 1.0), nothing=9.0), likely((4, 5, 4.0), nothing=6.0), likely((4, 4, 2.0), nothing=9.0)]
    said, sure = answers(task, pieces, MARKS, MAYBE)
    assert said == ""
    assert sure == pytest.approx((math.exp(3) / (math.exp(3) + math.exp(2))) ** 2, rel=1e-4), "its own piece says how sure it is"
    assert answers(task, pieces, MARKS, SPANS)[0] == "1920", "a task that knows no such rows"
    pieces[1] = likely((4, 5, 4.0), nothing=3.9)
    assert answers(task, pieces, MARKS, MAYBE)[0] == "1920"


def test_questions_specials_and_padding_are_no_answers(task: Task) -> None:
    said, _ = answers(task, [likely((1, 2, 50.0), (6, 7, 50.0), (5, 5, 1.0))], MARKS[:1], SPANS)
    assert said == "in"


def test_an_answer_ends_behind_its_beginning(task: Task) -> None:
    logits = likely((3, 4, 1.0))
    logits[0, 5, 0], logits[0, 3, 1] = 9.0, 9.0
    assert answers(task, [logits], MARKS[:1], SPANS)[0] == "it"


@pytest.mark.parametrize(("tokens", "whole"), [(LONGEST, True), (LONGEST + 1, False)])
def test_no_answer_is_longer_than_the_longest(tokens: int, whole: bool, task: Task) -> None:
    context = "x" * 50
    marks = np.array([[X, *([place, place + 1] for place in range(50))]])
    logits = likely((5, 4 + tokens, 30.0), (2, 2, -15.0), tokens=51)
    decoded = task.decode(logits, marks)
    (said,) = task.join(decoded, encoded_of([0]), SPANS, None, [context]).predicted
    assert (len(said) == tokens) is whole
    assert 0 < len(said) <= LONGEST


def test_an_empty_text_has_no_answer(task: Task) -> None:
    empty = np.full((1, 4, 2), -1)
    for labels in (SPANS, MAYBE):
        found = task.join(task.decode(torch.randn(1, 4, 2), empty), encoded_of([0]), labels, None, [""])
        assert found.predicted == [""]
        assert found.confidence == pytest.approx([1.0])


def test_spaces_of_tokens_are_no_part_of_answers(task: Task) -> None:
    spaced = np.array([[X, X, X, [0, 2], [2, 8], [8, 11], [11, 14], [14, 16]]])
    assert answers(task, [likely((6, 7, 5.0))], spaced, SPANS)[0] == "1920"


def test_rows_keep_their_pieces(task: Task) -> None:
    pieces = torch.cat([likely((3, 3, 1.0)), likely((4, 5, 4.0)), likely((3, 4, 2.0))])
    found = task.join(task.decode(pieces, MARKS), encoded_of([0, 1, 1]), SPANS, None, [CONTEXT, CONTEXT])
    assert found.predicted == ["it", "1920"]


def test_the_script_chooses_the_same_span() -> None:
    task: Task = catalogue.load("tasks", "answering")
    random = torch.Generator().manual_seed(0)
    offsets = [[0, 0], [0, 3], [0, 0], *([3 * place, 3 * place + 2] for place in range(60))]
    second = [False] * 3 + [True] * 60
    marks = np.array([pair if inside else X for pair, inside in zip(offsets, second, strict=True)])
    for scale in (0.1, 1.0, 10.0):
        logits = scale * torch.randn(20, 63, 2, generator=random)
        for piece, expected in zip(logits, task.decode(logits, np.repeat(marks[None], 20, 0)).predicted, strict=True):
            assert best_span(piece, offsets, second) == pytest.approx(expected, rel=1e-5)
    assert best_span(logits[0], offsets, [False] * 63)[:3] == (float("-inf"), 0, 0)


def test_what_is_said_of_answers(task: Task) -> None:
    gold = [YEAR, [], [{"start": 3, "text": "began in"}, {"start": 9, "text": "in"}]]
    assert [task.named(one, SPANS) for one in gold] == ["1920", "no answer", "began in, in"]
    assert task.named("1920", SPANS) == "1920"
    assert [task.mistake(one, said, 0.5) for one, said in zip(gold, ["in 1920", "", "IN!"], strict=True)] == [
        pytest.approx(0.5 / 3, abs=1e-5),
        0.0,
        0.0,
    ]
    assert task.mistake(YEAR, "May", 0.5) > task.mistake(YEAR, "in 1920", 0.5) > 0
    assert task.collapsed(["", ""], MAYBE) == 'it answers "" to every question of dev'
    assert task.collapsed(["", "1920"], MAYBE) is None
    for metric, score in (("f1", (2 / 3 + 1 + 0) / 3), ("exact_match", 1 / 3)):
        assert task.tally(metric, gold, ["in 1920", "", "never"], MAYBE).score() == pytest.approx(score)
    assert (task.outputs(MAYBE), task.head_spec(MAYBE).kind, task.default_metric(MAYBE)) == (2, "span", "f1")
    assert task.describe(SPANS, "pairs of texts") == "Finds the answer to a question in a text."
    assert task.describe(MAYBE, "pairs of texts") == "Finds the answer to a question in a text, or says that there is none."


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "deberta-v2"])
def test_targets_decoded_are_the_answers(tiny: Callable[[str], Path], task: Task, family: str) -> None:
    """A network that is right about every token gives every answer back, from whichever piece has it."""
    tokenizer = load_tokenizer(str(tiny(family)))
    context = "the movie was great. " * 9 + "Reykjavik (Zürich) paid 3.5% never " + "so it was good, " * 9
    wanted = ["Reykjavik", "(Zürich)", "3.5%", "paid 3.5% never", "Zürich", "good, so it was good"]
    gold = [[{"start": context.index(text), "text": text}] for text in wanted]
    chunk = ExampleChunk(["where was it"] * len(wanted), [context] * len(wanted))
    encoded = encode_rows(tokenizer, chunk, 48, "spans")
    assert len(encoded) > 2 * len(wanted)
    padded = encoded.padded(range(len(encoded)), 0)
    targets = torch.from_numpy(task.targets(gold, padded.rows, padded.marks, 2))
    assert (targets[:, 1:] == 1).any(dim=1).any(dim=1).sum() >= len(wanted)
    found = task.join(task.decode(20 * targets, padded.marks), encoded, MAYBE, None, chunk.pairs)
    assert found.predicted == wanted
    assert float(task.loss(20 * targets, targets)) < 1e-4


def virtual(base: Any, task: Task) -> Network:
    """A network with virtual tokens before the question, as the method `prompt` makes it."""
    method = parse_method("prompt").method
    network = build_network(base, task.head_spec(MAYBE), seed=1, prepends=True)
    assert network.head is not None
    network.body = method.attach(Target(network.body, network.anatomy, "FEATURE_EXTRACTION", 10), seed=2).body
    with torch.no_grad():
        network.head.weight.mul_(50)
    return network.eval()


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_virtual_tokens_keep_the_spans_where_they_are(tiny: Callable[[str], Path], task: Task, family: str) -> None:
    base = open_base(str(tiny(family)))
    network = virtual(base, task)
    chunk = ExampleChunk(["where was it", "who"], ["the movie was unbelievable and great", "never"])
    padded = encode_rows(base.tokenizer, chunk, 64, "spans").padded([0, 1], int(base.tokenizer.pad_token_id or 0))
    types = "token_type_ids" in base.tokenizer.model_input_names
    with torch.no_grad():
        logits = network(make_batch(padded, types=types))
        assert logits.shape == (*padded.ids.shape, 2), "as many positions as the pair has tokens"
        assert padded.marks is not None
        (place,) = np.flatnonzero(padded.marks[0, :, 1] == len("the movie was"))
        padded.ids[0, place] = base.tokenizer("never", add_special_tokens=False)["input_ids"][0]
        change = (network(make_batch(padded, types=types)) - logits).abs().amax(dim=-1)
    assert int(change[0].argmax()) == place, "the logits of a changed word change most, and they stand at its token"
    assert not change[1].any()


def test_adapters_see_which_text_is_the_question(tiny: Callable[[str], Path], task: Task) -> None:
    """The class of `peft` for questions drops the token types, so a merged model would read otherwise than it was trained."""
    base = open_base(str(tiny("bert")))
    network = build_network(base, task.head_spec(SPANS), seed=1)
    target = Target(network.body, network.anatomy, "QUESTION_ANS", 10)
    network.body = parse_method("lora").method.attach(target, seed=2).body
    padded = encode_rows(base.tokenizer, ExampleChunk(["where"], ["the movie was"]), 64, "spans").padded([0], 0)
    network.eval()
    with torch.no_grad():
        with_types, without = (network(make_batch(padded, types=types)) for types in (True, False))
        merged_body = network.body.merge_and_unload()
        plain = merged_body(**make_batch(padded, types=True).inputs())
    assert (with_types - without).abs().max() > 1e-3
    assert torch.allclose(with_types, torch.stack([plain.start_logits, plain.end_logits], dim=-1), atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_question_is_answered_alone_as_among_others(tiny: Callable[[str], Path], task: Task, family: str) -> None:
    base = open_base(str(tiny(family)), max_length=32)
    network = virtual(base, task)
    random = np.random.default_rng(0)
    words = ["the", "movie", "U.S.", "never", "great", "bad"]
    contexts = [" ".join(random.choice(words, size)) for size in (3, 40, 0, 25, 6)]
    questions = ["where", "when was it", "who", "where was the movie and the book", ""]
    options = {"pad": int(base.tokenizer.pad_token_id or 0), "types": family == "bert", "device": torch.device("cpu")}

    def answered(rows: list[int]) -> Decoded:
        chunk = ExampleChunk([questions[row] for row in rows], [contexts[row] for row in rows])
        encoded = encode_rows(base.tokenizer, chunk, 32, "spans")
        return task.join(predict(network, encoded, task, **options), encoded, SPANS, None, chunk.pairs)

    together, alone = answered(list(range(5))), [answered([row]) for row in range(5)]
    assert list(together.predicted) == [one.predicted[0] for one in alone]
    assert together.confidence == pytest.approx([float(one.confidence[0]) for one in alone], abs=1e-5)
    assert together.predicted[2] == ""
    assert all(said in context and (said or not context) for said, context in zip(together.predicted, contexts, strict=True))
