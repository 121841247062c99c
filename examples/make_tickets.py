"""Write the support tickets of ``make demo``: 960 messages to a shop about seven matters.

    python examples/make_tickets.py                      # prints the CSV
    python examples/make_tickets.py -o tickets.csv       # the file that ships as leantune/demo/tickets.csv

The seven matters share their words on purpose: "you charged me but nothing came" and "it came but you charged me twice" are
different matters, and most tickets also speak of a second matter that is settled, denied, or somebody else's. What a ticket asks for
hangs on word order, negation and who did what, so that word counts are not enough and tuning methods differ.

A ticket is made in four steps, all keyed by one seed:

1. a frame joins phrases of its own matter and of another one (``tickets_phrases.toml`` holds every wording);
2. ``[a|b]`` branches and ``{slot}`` places are filled so that one ticket speaks of the same article, sum and town throughout;
3. a register is put on: greeting, closing, shouting, all lower case, missing apostrophes, typing slips;
4. tickets too like an earlier one are thrown away, and 1.4 % of the labels are flipped, as in a file that people labelled.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

SEED = 20
ROWS_PER_LABEL = {
    "not_delivered": 165,
    "wrong_charge": 150,
    "refund_missing": 140,
    "return_item": 135,
    "cancel_order": 130,
    "change_address": 125,
    "login_problem": 115,
}
KIND_WEIGHTS = {
    "plain": 76.0,
    "contrast": 20.0,
    "settled": 7.0,
    "mixed_up": 9.0,
    "wish": 6.0,
    "wish_changed": 1.0,
    "somebody_else": 6.0,
    "noticed": 1.5,
    "rather": 1.0,
}
FLIPPED_SHARE = 0.014
WORDS = (5, 60)
TOO_ALIKE = 0.55
CLUMSY = re.compile(r"\bbut\b[^.?!]*\bbut\b|\bthat I (don't|didn't) want[^.?!]*\bthat I (don't|didn't) want", re.IGNORECASE)
PHRASES = Path(__file__).with_name("tickets_phrases.toml")

GREETINGS = (
    "Hi,",
    "Hi there,",
    "Hello,",
    "Hello team,",
    "Dear all,",
    "Good morning.",
    "Hey,",
    "To whom it may concern:",
    "Right,",
    "Ok so,",
)
CLOSINGS = ("Thanks.", "Thanks, {name}", "Thank you, {name}", "Cheers, {name}", "Kind regards, {name}", "Regards, {name}", "Many thanks!")
ANGER = (
    "Unbelievable.",
    "This is a joke.",
    "I'm losing patience.",
    "Not good enough.",
    "Honestly, what a mess.",
    "Seriously?!",
    "Sort it out.",
)


@dataclass(frozen=True)
class Frame:
    """One way to build a ticket, such as ``<fine2>, but <core>.``; empty label sets mean every label."""

    kind: str
    text: str
    same: bool
    labels: frozenset[str]
    labels2: frozenset[str]

    def suits(self, label: str) -> bool:
        """Whether a ticket with this label can be told in this frame."""
        return not self.labels or label in self.labels


@dataclass(frozen=True)
class Ticket:
    """One message, its label, and the frame it was told in ("story" for a hand-written one)."""

    text: str
    label: str
    frame: str
    kind: str


class Dice:
    """Random choices that are the same on every Python version: only ``random()`` is promised to stay."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def below(self, stop: int) -> int:
        """An integer in [0, stop)."""
        return int(self._random() * stop)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def weighted(self, weights: dict[str, float]) -> str:
        """One key, as likely as its weight."""
        left = self._random() * sum(weights.values())
        for key, weight in weights.items():
            left -= weight
            if left < 0:
                return key
        return next(reversed(weights))

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order."""
        return [item for _, item in sorted(((self._random(), item) for item in items), key=lambda pair: pair[0])]


class Wording:
    """The phrases of ``tickets_phrases.toml``, each a tuple of lines."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.slots = {name: _lines(text) for name, text in source["slots"].items()}
        self.phrases = {label: {part: _lines(text) for part, text in source[label].items()} for label in ROWS_PER_LABEL}
        self.frames = [frame for group in source["frames"] for frame in _frames(group)]

    def frames_for(self, kind: str, label: str) -> list[Frame]:
        """The frames of a kind that suit a label."""
        return [frame for frame in self.frames if frame.kind == kind and frame.suits(label)]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.strip().splitlines())


def _frames(group: Mapping[str, Any]) -> Iterator[Frame]:
    for text in group["texts"]:
        labels, labels2 = frozenset(group.get("labels", ())), frozenset(group.get("labels2", ()))
        yield Frame(group["kind"], text, group.get("same", False), labels, labels2)


def branches(dice: Dice, text: str) -> str:
    """Pick one side of every ``[a|b]``, innermost first."""
    while match := re.search(r"\[([^\[\]]*)\]", text):
        text = text[: match.start()] + dice.pick(match[1].split("|")) + text[match.end() :]
    return re.sub(r" +", " ", text).replace(" ,", ",").replace(" .", ".").strip()


class Facts:
    """What one ticket speaks of: each slot is settled on its first use, and days and people do not repeat."""

    def __init__(self, dice: Dice, slots: Mapping[str, tuple[str, ...]]) -> None:
        self._dice = dice
        self._bags = {name: dice.shuffled(slots[name]) for name in ("item", "day", "rel", "city", "chat", "name")}
        self._slots = slots
        base = 35 + dice.below(80)
        price = base + dice.pick((0.0, 0.5, 0.9, 0.95, 0.99))
        more = price + dice.pick((4.99, 5, 10, 12.5, 20, price))
        self._sums = {"amount": f"£{price:.2f}", "amount2": f"£{more:.2f}", "small": f"£{price / 2:.2f}"}
        self._fixed: dict[str, str] = {}

    def fill(self, text: str, voice: str) -> str:
        """Put a value into every slot; ``voice`` names whose article it is (tickets about two articles have two voices)."""
        while match := re.search(r"\{(\w+)\}", text):
            value = branches(self._dice, self._value(match[1], voice))
            text = text[: match.start()] + value + text[match.end() :]
        return text

    def _value(self, slot: str, voice: str) -> str:
        if slot in self._sums:
            return self._sums[slot]
        if slot in ("day", "chat"):
            return self._bags[slot].pop()
        if slot not in ("item", "rel", "city", "city2", "name"):
            return self._dice.pick(self._slots[slot])
        key = slot + voice
        if key not in self._fixed:
            self._fixed[key] = self._bags[slot.rstrip("2")].pop()
        return self._fixed[key]


def tell(dice: Dice, wording: Wording, frame: Frame, label: str) -> str:
    """One ticket of this label in this frame, in plain register."""
    facts = Facts(dice, wording.slots)
    others = [other for other in frame.labels2 or ROWS_PER_LABEL if other != label]
    other = dice.pick(sorted(others))
    text = branches(dice, frame.text)
    while match := re.search(r"<(\w+?)(2?)>", text):
        part, second = match[1], bool(match[2])
        phrase = branches(dice, dice.pick(wording.phrases[other if second else label][part]))
        voice = "b" if second and not frame.same else "a"
        text = text[: match.start()] + facts.fill(phrase, voice) + text[match.end() :]
    return sentences(facts.fill(text, "a"))


def sentences(text: str) -> str:
    """Capital letters after full stops; one full stop where a phrase brought its own."""
    text = re.sub(r"([.?!])\.", r"\1", text)
    return re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def put_on_register(dice: Dice, wording: Wording, text: str) -> str:
    """Greeting and closing, anger, shouting, lower case, slips: about half of the tickets keep the plain text."""
    if dice.chance(0.2):
        greeting = dice.pick(GREETINGS)
        capital = greeting.endswith(".") or re.match(r"I\b", text)
        text = f"{greeting} {text if capital else text[0].lower() + text[1:]}"
    if dice.chance(0.12):
        text = f"{text} {dice.pick(ANGER)}"
    elif dice.chance(0.18):
        text = f"{text} {dice.pick(CLOSINGS).format(name=dice.pick(wording.slots['name']))}"
    if dice.chance(0.03):
        text = text.upper()
    elif dice.chance(0.1):
        text = text.lower()
    if dice.chance(0.08):
        text = text.replace("'", "")
    if dice.chance(0.05):
        text = re.sub(r"(?<=[a-z])\.(?= |$)", "!", text).replace("?", "??")
    return slips(dice, text) if dice.chance(0.18) else text


def slips(dice: Dice, text: str) -> str:
    """One or two typing slips inside longer words: letters swapped, dropped or doubled."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for place in dice.shuffled(long)[: 1 + dice.below(2)]:
        word, at = words[place], 1 + dice.below(len(words[place]) - 3)
        a, b = word[at], word[at + 1]
        middle = dice.pick((b + a, b, a + a + b))
        words[place] = word[:at] + middle + word[at + 2 :]
    return " ".join(words)


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """The three-word runs of a text, what two tickets are compared by."""
    words = re.findall(r"[a-z']+", text.lower())
    return frozenset(zip(words, words[1:], words[2:], strict=False))


class Collection:
    """The tickets so far; refuses clumsy ones, lengths outside 5-60 words and texts too like an earlier one."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self._seen: list[frozenset[tuple[str, ...]]] = []

    def add(self, ticket: Ticket) -> bool:
        """Keep the ticket if it is new; whether it was kept."""
        marks = shingles(ticket.text)
        if not WORDS[0] <= len(ticket.text.split()) <= WORDS[1] or not marks or CLUMSY.search(ticket.text):
            return False
        if any(len(marks & seen) > TOO_ALIKE * len(marks | seen) for seen in self._seen):
            return False
        self.tickets.append(ticket)
        self._seen.append(marks)
        return True


def make_tickets(seed: int = SEED) -> list[Ticket]:
    """All tickets in shuffled order, with their frames; the labels are the true ones.

    Args:
        seed: Another seed gives another draw from the same wording.
    """
    dice, wording, kept = Dice(seed), Wording(tomllib.loads(PHRASES.read_text("utf-8"))), Collection()
    for label, rows in ROWS_PER_LABEL.items():
        stories = wording.phrases[label]["story"]
        for story in stories:
            kept.add(Ticket(story, label, story, "story"))
        left = rows - len(stories)
        while left:
            kind = dice.weighted(KIND_WEIGHTS)
            if not (frames := wording.frames_for(kind, label)):
                continue
            frame = dice.pick(frames)
            text = put_on_register(dice, wording, tell(dice, wording, frame, label))
            left -= kept.add(Ticket(text, label, frame.text, kind))
    return dice.shuffled(kept.tickets)


def flip_labels(tickets: Sequence[Ticket], seed: int = SEED) -> list[Ticket]:
    """The tickets with ``FLIPPED_SHARE`` of the labels replaced by a wrong one."""
    dice, result = Dice(seed + 1), list(tickets)
    for place in dice.shuffled(range(len(result)))[: round(FLIPPED_SHARE * len(result))]:
        wrong = [label for label in ROWS_PER_LABEL if label != result[place].label]
        result[place] = replace(result[place], label=dice.pick(wrong))
    return result


def as_csv(tickets: Sequence[Ticket]) -> str:
    """The tickets as CSV with the columns ``text`` and ``label``, one line feed per row."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows((ticket.text, ticket.label) for ticket in tickets)
    return out.getvalue()


def main() -> None:
    """Write the file named by ``-o``, or print it."""
    parser = argparse.ArgumentParser(description="Write the support tickets of the demo.")
    parser.add_argument("-o", "--out", type=Path, help="file to write; printed when left out")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed gives other tickets (default %(default)s)")
    options = parser.parse_args()
    content = as_csv(flip_labels(make_tickets(options.seed), options.seed)).encode("utf-8")
    if options.out:
        options.out.write_bytes(content)
    else:
        sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
