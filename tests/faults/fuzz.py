"""Damaged and hostile files, made at random: readers and the loader give rows, an answer or one clear error, within two seconds.

    python -m tests.faults.fuzz --seconds 60 --seed 1           each fault is told with how to make it again

Valid files are flipped, cut, spliced and doubled; half of the artifacts get a manifest that fits the damage, as from a hostile hand.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 2.0
"""An answer may take so long."""
_HANGS = 10
"""Seconds after which it is ended."""
_ROWS = [('Good card, "lost"\nmoney', "ham"), ("naïve 北京 text", "spam"), ("plain words", "01"), ("more plain words", "ham")] * 4
_SENTENCE = "EU B-ORG\nrejects O\nBerlin B-LOC\n\n"
_CHAT = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]}
_PLACES = {"text": "Karl sings", "entities": [{"start": 0, "end": 4, "label": "PER"}]}
_ASKED = {
    "title": "t",
    "paragraphs": [{"context": "a b c", "qas": [{"id": "1", "question": "b?", "answers": [{"text": "b", "answer_start": 2}]}]}],
}
_BAD: tuple[bytes, ...] = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\\ud800", b"NaN", b"-1", b"1e999", b"[" * 3000, b"{" * 3000, b"null", b"../../x"),
    *(b"9" * 400, b"\r", b"\t", b",,,", b"(a+)+$", b"<script>", b"\xc3\x28", b"true"),
)


@dataclass(frozen=True)
class Fault(Exception):
    """What came out that is no error of ours, or took too long."""

    target: str
    case: int
    what: str

    def __str__(self) -> str:
        return f"{self.target}, case {self.case}: {self.what}"


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Some bytes with one to four kinds of damage."""
    for _ in range(draw.randint(1, 4)):
        size = len(data)
        at, to = sorted((draw.randint(0, size), draw.randint(0, size)))
        data = draw.choice(
            [
                lambda: data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :],  # noqa: B023 - called at once
                lambda: data[:at] + bytes(byte ^ (1 << draw.randrange(8)) for byte in data[at : at + 1]) + data[at + 1 :],  # noqa: B023
                lambda: data[:at],  # noqa: B023
                lambda: data[:at] + data[to:],  # noqa: B023
                lambda: data[:to] + data[at:to] + data[to:],  # noqa: B023
                lambda: data[:at] + draw.choice(_BAD) + data[at:],  # noqa: B023
                lambda: data[:at] + draw.choice(_BAD) + data[to:],  # noqa: B023
            ]
        )()
    return data


def odd(value: Any, draw: random.Random) -> Any:
    """A JSON value with one part made into another one, so that it still parses."""
    strange = [None, -1, 0, 10**12, 1e308, "", "x" * 400, "../../etc/passwd", "(a+)+$", [], {}, True, "evil.module"]
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {name: one for name, one in value.items() if name != key}
        return value | {key: odd(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], odd(value[at], draw), *value[at + 1 :]]
    return draw.choice(strange)


def seeds() -> dict[str, bytes]:
    """Valid files of every kind of rows, by name."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    quoted = "text,label\n" + "".join('"{}",{}\n'.format(text.replace('"', '""'), label) for text, label in _ROWS)
    rows = [{"text": text, "label": label} for text, label in _ROWS]
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), table)

    def lines(many: list[Any]) -> bytes:
        return "".join(json.dumps(row) + "\n" for row in many).encode()

    return {
        "a.csv": quoted.encode(),
        "wide.csv": quoted.encode("utf-16"),
        "a.tsv": "".join(f"{' '.join(text.split())}\t{label}\n" for text, label in [("text", "label"), *_ROWS]).encode(),
        "a.jsonl": lines(rows),
        "chat.jsonl": lines([_CHAT] * 20),
        "places.jsonl": lines([_PLACES] * 20),
        "a.json": json.dumps(rows, indent=1).encode(),
        "squad.json": json.dumps({"version": "1.1", "data": [_ASKED] * 6}).encode(),
        "a.conll": (_SENTENCE * 12).encode(),
        "a.txt": ("One sentence. Another one!\nA line.\n\n" * 20).encode(),
        "a.parquet": table.getvalue(),
    }


def rows_case(known: dict[str, bytes], draw: random.Random, folder: Path) -> str:
    """Read a damaged file as a user would."""
    from leantune.data.dataset import prepare

    name = draw.choice(sorted(known))
    data = mutated(known[name], draw)
    if name.endswith(".jsonl") and draw.random() < 0.5:
        parsed = [json.loads(line) for line in known[name].splitlines()]
        data = "".join(json.dumps(odd(row, draw) if draw.random() < 0.3 else row) + "\n" for row in parsed).encode()
    (folder / name).write_bytes(data)
    prepare(folder / name, folder / "out")
    return name


def artifact_case(whole: Path, draw: random.Random, folder: Path) -> str:
    """Load a damaged artifact and let it answer."""
    from leantune.artifact.ensemble import opened
    from leantune.artifact.integrity import NAME, sha256

    place = folder / "made"
    shutil.copytree(whole, place)
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.suffix in (".json", ".safetensors"))
    hit = draw.choice(files)
    if hit.suffix == ".json" and draw.random() < 0.6:
        hit.write_text(json.dumps(odd(json.loads(hit.read_text()), draw)))
    else:
        hit.write_bytes(mutated(hit.read_bytes(), draw))
    if hit.name != NAME and draw.random() < 0.8:  # a hostile hand writes the hashes too
        manifest = json.loads((place / NAME).read_text())
        manifest["files"] = {name: sha256(place / name) for name in manifest["files"]}
        (place / NAME).write_text(json.dumps(manifest))
    opened(place, device="cpu").predict(["good card", "a" * 60])
    return f"{whole.name}/{hit.name}"


def run(target: str, case: Callable[[random.Random, Path], str], seed: int, number: int) -> float:
    """One case; the seconds that it took.

    Raises:
        Fault: for anything but an answer or an error of ours within two seconds.
    """
    from leantune.core.errors import LeantuneError

    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        try:
            with _alarm():
                case(random.Random(f"{target} {seed} {number}"), Path(folder))
        except LeantuneError:
            pass
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise Fault(target, number, "".join(traceback.format_exception(error)[-12:])) from error
        spent = time.process_time() - start
    if spent > SECONDS:
        raise Fault(target, number, f"{spent:.1f} seconds")
    return spent


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """End what hangs."""

    def ring(*_: Any) -> None:
        raise TimeoutError(f"no answer after {_HANGS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(_HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def targets(artifacts: list[Path]) -> dict[str, Callable[[random.Random, Path], str]]:
    """What is fuzzed, by name."""
    known = seeds()
    found: dict[str, Callable[[random.Random, Path], str]] = {"rows": lambda draw, folder: rows_case(known, draw, folder)}
    if artifacts:
        found["artifacts"] = lambda draw, folder: artifact_case(draw.choice(artifacts), draw, folder)
    return found


def made_artifacts(folder: Path) -> list[Path]:
    """Small artifacts of several forms."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "artifact"))
    from making import make_one

    from leantune.testing.tiny import make

    found = []
    for family, expression in (("bert", "lora"), ("bert", "full"), ("bert", "prompt"), ("sentence-bert", "bitfit")):
        base = folder / family
        if not base.exists():
            make(family, base)
        kept = folder / f"{family}-{expression}"
        make_one(base, expression, folder / "made" / kept.name)
        found.append(Path(shutil.move(folder / "made" / kept.name / "best", kept)))
    return found


def main() -> int:
    """Fuzz for some time; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--target", choices=["rows", "artifacts"])
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        chosen = targets([] if given.target == "rows" else made_artifacts(Path(folder)))
        chosen = {name: case for name, case in chosen.items() if given.target in (None, name)}
        for case in chosen.values():
            with contextlib.suppress(Exception):
                case(random.Random(0), Path(tempfile.mkdtemp(dir=folder)))  # libraries are loaded before the clock runs
        end, number, faults = time.monotonic() + given.seconds, given.case or 0, list[str]()
        while time.monotonic() < end and len(faults) < 10:
            for name, case in chosen.items():
                try:
                    run(name, case, given.seed, number)
                except Fault as fault:
                    faults.append(str(fault))
                    print(f"{fault}\nagain: python -m tests.faults.fuzz --seed {given.seed} --case {number} --target {name}", flush=True)
            number += 1
            if given.case is not None:
                break
    print(f"{number:,} cases of each target, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
