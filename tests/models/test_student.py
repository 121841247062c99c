"""Students without attention: padding does not matter, embeddings start where they shall, and files of vectors are read or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel

from leantune.core.errors import ArtifactError, SpecError
from leantune.core.student import Kind, Student
from leantune.kinds.method import parse_method
from leantune.models.base import Base, open_base
from leantune.models.build import anatomy_of, build_network, layout
from leantune.models.edge import MODEL_TYPE, EdgeConfig, EdgeModel
from leantune.models.heads import HeadSpec
from leantune.models.network import Batch
from leantune.models.student import components, start_table, student_of
from leantune.models.untrusted import STUDENT, refuse_deep

KINDS: tuple[Kind, ...] = ("bag", "lstm")
HEAD = HeadSpec("sequence", ["no", "yes"], 2, "single_label_classification")
WIDTH = 8


@pytest.fixture
def base(tiny: Callable[[str], Path]) -> Base:
    return open_base(str(tiny("bert")))


def vectors(folder: Path, rows: dict[str, str], head: str = "") -> str:
    file = folder / "vectors.txt"
    file.write_text(head + "".join(f"{word} {numbers}\n" for word, numbers in rows.items()), encoding="utf-8")
    return str(file)


def numbers(*some: float) -> str:
    return " ".join(map(str, (*some, *[0.5] * (WIDTH - len(some)))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["bert", "roberta", "albert", "gpt2", "t5"])
def test_a_student_is_a_base_that_is_pooled(tiny: Callable[[str], Path], tmp_path: Path, family: str, kind: Kind) -> None:
    own = open_base(str(tiny(family)), max_length=40)
    found = student_of(own, Student(kind, WIDTH), 1, tmp_path / "student")
    assert (found.name, found.pooling, found.max_length) == (own.name, "mean", 40)
    assert [layout(found, head) for head in ("sequence", "token")] == ["mean", "tokens"]
    anatomy = anatomy_of(found, HEAD)
    assert (anatomy.blocks, anatomy.sites, anatomy.hidden, anatomy.heads) == ((), (), WIDTH, ())
    assert anatomy.body_params == sum(part.numel() for part in build_network(found, HEAD, seed=1).body.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_matter(base: Base, tmp_path: Path, kind: Kind) -> None:
    network = build_network(student_of(base, Student(kind, WIDTH), 1, tmp_path / "student"), HEAD, seed=1).eval()
    short, long = base.tokenizer("good card")["input_ids"], base.tokenizer("the bank was very sad and late")["input_ids"]
    both = base.tokenizer(["good card", "the bank was very sad and late"], padding=True, return_tensors="pt")
    alone = [network(Batch(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))) for ids in (short, long)]
    together = network(Batch(both["input_ids"], both["attention_mask"]))
    assert torch.allclose(torch.cat(alone), together, atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=1e-4)


def test_an_lstm_reads_the_order_and_a_bag_does_not(base: Base, tmp_path: Path) -> None:
    ids = torch.tensor([base.tokenizer("the bank was very sad")["input_ids"]])
    for kind in KINDS:
        network = build_network(student_of(base, Student(kind, WIDTH), 1, tmp_path / kind), HEAD, seed=1).eval()
        logits = [network(Batch(some, torch.ones_like(some))) for some in (ids, ids.flip(1))]
        assert torch.allclose(*logits, atol=1e-6) is (kind == "bag")


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls(base: Base, tmp_path: Path, kind: Kind) -> None:
    network = build_network(student_of(base, Student(kind, WIDTH), 1, tmp_path / "student"), HEAD, seed=1).train()
    coded = base.tokenizer(["good nice day", "bad sad day", "the great food", "the awful food"], padding=True, return_tensors="pt")
    batch, gold = Batch(coded["input_ids"], coded["attention_mask"]), torch.tensor([1, 0, 1, 0])
    steps = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = cross_entropy(network(batch), gold)
        loss.backward()
        steps.step()
        steps.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def test_the_seed_draws_all_but_the_embeddings(base: Base, tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    places = [student_of(base, Student("lstm", WIDTH), seed, tmp_path / str(number)) for number, seed in enumerate((1, 1, 2))]
    assert torch.equal(state, torch.random.get_rng_state())
    one, same, other = (AutoModel.from_pretrained(place.location.source).state_dict() for place in places)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert [name for name, value in one.items() if torch.equal(value, other[name])] == ["embeddings.weight"]


def test_components_keep_the_nearest_neighbours() -> None:
    source = torch.Generator().manual_seed(3)
    centres = torch.randn(40, 6, generator=source)
    groups = torch.cat([centres, centres + 0.05 * torch.randn(40, 6, generator=source)]) @ torch.randn(6, 48, generator=source)
    found = components(groups + 7.0 + 0.01 * torch.randn(80, 48, generator=source), 6)
    nearest = torch.cdist(found, found).fill_diagonal_(torch.inf).argmin(dim=1)
    assert torch.equal(nearest, torch.arange(80).roll(40))


def test_all_components_keep_every_distance(base: Base) -> None:
    own = AutoModel.from_pretrained(base.location.source).get_input_embeddings().weight.detach()
    table = start_table(base, Student("bag", own.shape[1]))
    ratio = torch.pdist(table) / torch.pdist(own)
    assert ratio.std() / ratio.mean() < 1e-3
    assert table.square().mean().item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("head", ["", f"4 {WIDTH}\n"])
def test_vectors_of_a_file_are_where_their_words_start(base: Base, tmp_path: Path, head: str) -> None:
    file = vectors(
        tmp_path, {"good": numbers(1, -2), "xqzw": numbers(9), "bad": numbers(-3, 4), "a b": numbers(5), "Good": numbers(8)}, head
    )
    table = start_table(base, Student("bag", WIDTH, file))
    plain = start_table(base, Student("bag", WIDTH))
    places = base.tokenizer.convert_tokens_to_ids(["good", "bad", "card"])
    wanted = torch.tensor([[1, -2, *[0.5] * 6], [-3, 4, *[0.5] * 6]])
    assert torch.allclose(normalize(table[places[:2]]), normalize(wanted), atol=1e-5)
    assert torch.allclose(table[places[0]].norm() / table[places[1]].norm(), wanted[0].norm() / wanted[1].norm(), atol=1e-5)
    rest = torch.tensor([place for place in range(len(table)) if place not in places[:2]])
    assert torch.allclose(torch.pdist(table[rest]), torch.pdist(plain[rest]), atol=1e-4), "the others are turned, and nothing else"


def test_the_others_are_turned_to_where_known_words_lie(base: Base, tmp_path: Path) -> None:
    plain = start_table(base, Student("bag", WIDTH))
    turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(1)))[0]
    words = ["good", "bad", "card", "bank", "money", "lost", "found", "late", "early", "paid", "price", "ship"]
    rows = {word: " ".join(f"{value:.6f}" for value in plain[base.tokenizer.convert_tokens_to_ids(word)] @ turn) for word in words}
    table = start_table(base, Student("bag", WIDTH, vectors(tmp_path, rows)))
    place = base.tokenizer.convert_tokens_to_ids("happy")
    assert torch.allclose(normalize(table[place], dim=0), normalize(plain[place] @ turn, dim=0), atol=1e-3)


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        ({"good": numbers() + " 1 2"}, "", f"line 1: its vectors have 10 numbers, and the student has width={WIDTH}. Say width=10"),
        ({"good": numbers()}, "1 300\n", "line 1: its vectors have 300 numbers"),
        ({"good": numbers(), "bad": "1 2"}, "", f"line 2: 2 numbers where there should be {WIDTH}"),
        ({"the": numbers(), "good": numbers() + "x"}, "", "line 2: something else than numbers"),
        ({"good": numbers(float("inf"))}, f"1 {WIDTH}\n", "line 2: something else than numbers"),
        ({"xqzw": numbers(), "Xyyx": numbers()}, "", "none of the words that are one token"),
        ({}, "", "line 1: its vectors have 0 numbers"),
    ],
)
def test_a_broken_file_is_told_with_its_line(base: Base, tmp_path: Path, rows: dict[str, str], head: str, said: str) -> None:
    file = vectors(tmp_path, rows, head)
    with pytest.raises(SpecError) as caught:
        student_of(base, Student("bag", WIDTH, file), 1, tmp_path / "student")
    assert said in caught.value.message
    assert file in caught.value.message
    assert not (tmp_path / "student").exists()


def test_a_missing_file_and_too_much_width_are_told(base: Base, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.txt cannot be read: No such file"):
        start_table(base, Student("bag", WIDTH, str(tmp_path / "none.txt")))
    with pytest.raises(SpecError, match="width=64 is more than the 32 of the base's embeddings"):
        start_table(base, Student("bag", 64))


def test_words_of_byte_pairs_are_looked_up_as_they_stand_in_a_text(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = open_base(str(tiny("gpt2")))
    table = start_table(base, Student("bag", WIDTH, vectors(tmp_path, {"good": numbers(3, -1)})))
    (token,) = base.tokenizer(" good")["input_ids"]
    assert np.allclose(normalize(table[token], dim=0), normalize(torch.tensor([3, -1, *[0.5] * 6]), dim=0), atol=1e-5)


def test_the_class_reads_what_it_wrote(tmp_path: Path) -> None:
    torch.manual_seed(1)
    body = EdgeModel(EdgeConfig("lstm", vocab_size=9, hidden_size=6, embedding_size=4)).eval()
    body.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    ids = torch.tensor([[1, 2, 8]])
    assert torch.equal(body(input_ids=ids).last_hidden_state, again(input_ids=ids).last_hidden_state)


@pytest.mark.parametrize(
    ("text", "said"),
    [("student", "kind"), ("student(gru)", "kind"), ("student(lstm, width=15)", "even"), ("student(bag, width=0)", "width")],
)
def test_faults_of_the_link_are_told(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parse_method(f"{text} | full")


def test_the_configuration_of_a_student_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    assert MODEL_TYPE == STUDENT
    EdgeConfig(vocab_size=10).save_pretrained(tmp_path)
    refuse_deep(tmp_path)
    EdgeConfig(vocab_size=10, hidden_size=0).save_pretrained(tmp_path)
    with pytest.raises(ArtifactError, match='"hidden_size": 0, and it needs at least 1'):
        refuse_deep(tmp_path)
