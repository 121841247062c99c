"""Every bad file gives one clear error with the right code; a table of small files and what must be said about them."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from leantune.core.errors import DataError, LeantuneError
from leantune.data.dataset import prepare

GOOD = [("text", "label"), *((f"message number {i}", ("ham", "spam")[i % 2]) for i in range(40))]


def csv(*lines: str) -> str:
    """A good CSV file with some lines put behind the header."""
    good = [",".join(row) for row in GOOD]
    return "\n".join([good[0], *lines, *good[1:]]) + "\n"


def lines(*bad: str) -> str:
    """A good JSON Lines file with some bad lines in front."""
    return "\n".join([*bad, *(json.dumps({"text": text, "label": label}) for text, label in GOOD[1:])]) + "\n"


CASES = {
    "empty": ("a.csv", "", "E-FORMAT", ["a.csv: the file is empty", "header line"]),
    "blank": ("a.csv", "\n\n", "E-FORMAT", ["the file is empty"]),
    "header only": ("a.csv", "text,label\n", "E-FORMAT", ["only a header (text, label)"]),
    "too many fields": ("a.csv", csv("one, two,ham"), "E-FORMAT", ["row 1 (line 2): 3 fields where the header has 2", "quote fields"]),
    "too few fields": ("a.csv", csv("ok,ham", "one"), "E-FORMAT", ["row 2 (line 3): 1 field where the header has 2"]),
    "two shifted rows": ("a.csv", csv("a,b,c", "d"), "E-FORMAT", ["2 problems", "row 1 (line 2)", "row 2 (line 3)"]),
    "open quote": ("a.csv", csv('"open,ham'), "E-FORMAT", ["lines 2 to 42", "not closed before the file ends"]),
    "text behind a quote": ("a.csv", csv('"a" b,ham'), "E-FORMAT", ["line 2", "followed by more text"]),
    "header twice": ("a.csv", "text,label,label\na,b,c\n", "E-COLUMN", ['"label" (columns 2, 3)']),
    "no header": ("a.csv", "".join(f"{text},{label}\n" for text, label in GOOD[1:]), "E-COLUMN", ["looks like a row, not like a header"]),
    "NUL": ("a.csv", csv("a\0b,ham"), "E-FORMAT", ["line 2, byte 12: a NUL byte"]),
    "NUL, lines end as on an old Mac": (
        "a.csv",
        csv("good,ham", "a\0b,ham").replace("\n", "\r"),
        "E-FORMAT",
        ["line 3, byte 21: a NUL byte"],
    ),
    "latin-1, lines end as on an old Mac": (
        "a.csv",
        csv("good,ham", "caf\xe9,ham").replace("\n", "\r").encode("latin-1"),
        "E-FORMAT",
        ["line 3, byte 23 (0xE9)"],
    ),
    "latin-1": ("a.csv", csv("caf\xe9,ham").encode("latin-1"), "E-FORMAT", ["line 2, byte 14 (0xE9)", "iconv -f WINDOWS-1252"]),
    "gbk": ("a.csv", csv("房间太小其他的都一般,ham").encode("gbk"), "E-FORMAT", ["line 2, byte 11", "iconv -f GB18030"]),
    "one damaged byte": (
        "a.csv",
        csv("déjà vu \udcc0,ham").encode("utf-8", "surrogateescape"),
        "E-FORMAT",
        ["a damaged character", "UTF-8 otherwise"],
    ),
    "cyrillic": (
        "a.csv",
        csv("очень хороший фильм,ham").encode("cp1251"),
        "E-FORMAT",
        ["line 2", "Find out its character set", "iconv -f SET"],
    ),
    "UTF-16 without mark, accents": ("a.csv", csv("café,ham").encode("utf-16-be"), "E-FORMAT", ["NUL byte", "without a byte order mark"]),
    "escaped NUL": ("a.jsonl", '{"text": "a\\u0000b", "label": "x"}\n', "E-TEXT", ['row 1, column "text"', "NUL character"]),
    "two marks": ("a.csv", "\ufeff\ufefftext,label\na,b\n", "E-COLUMN", ["byte order mark"]),
    "joined files": ("a.csv", csv("\ufeffgood film,ham"), "E-TEXT", ['row 1, column "text"', "where files were joined"]),
    "cut UTF-16": ("a.csv", csv("a,ham").encode("utf-16")[:-1], "E-FORMAT", ["broken UTF-16"]),
    "UTF-16 without mark": ("a.csv", csv("a,ham").encode("utf-16-le"), "E-FORMAT", ["line 1", "UTF-16 without a byte order mark"]),
    "UTF-32": ("a.csv", csv("a,ham").encode("utf-32"), "E-FORMAT", ["this is UTF-32. Save it as UTF-8"]),
    "Git LFS": ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "E-FORMAT", ["Git LFS pointer", "git lfs pull"]),
    "web page": ("a.jsonl", b"\n<!DOCTYPE HTML>\n<html><body>404</body></html>\n", "E-FORMAT", ["a web page", "Download the file itself"]),
    "Excel": ("a.csv", b"PK\x03\x04rest", "E-FORMAT", ["Excel workbook", "Save the sheet as CSV"]),
    "unknown ending": ("a.xlsx", b"PK", "E-FORMAT", ['".xlsx" is no known format', ".csv"]),
    "missing label": ("a.csv", csv("a,", "b,ham", "c, "), "E-LABEL", ["a.csv row 1, 3", '"label"', "missing in 2 of 43 rows"]),
    "no label at all": ("a.csv", "text,label\na,\nb,\n", "E-LABEL", ["no row has a label", "predict"]),
    "one class": ("a.csv", "text,label\na,x\nb,x\n", "E-LABEL", ['all 2 rows have the label "x"']),
    "class with one row": ("a.csv", csv("rare,Spam!"), "E-LABEL", ['1 label has one row only: "Spam!" (row 1)']),
    "label is an id": (
        "a.csv",
        "text,label\n" + "".join(f"a b {i},id{i}\n" for i in range(30)),
        "E-LABEL",
        ["30 distinct values", "an id or a text"],
    ),
    "all texts empty": ("a.csv", "text,label\n,x\n,y\n,x\n,y\n", "E-TEXT", ["every text is empty"]),
    "too few rows": ("a.csv", "text,label\na,x\na,x\nd,y\nd,y\n", "E-SPLIT", ["4 rows (2 different) are too few to cut dev and test"]),
    "label is a list as Python prints it": (
        "a.csv",
        csv("x y,\"['ham']\"", "y z,\"['ham', 'spam']\""),
        "E-LABEL",
        ['row 1, 2, column "label": a list where a label is needed', "--task multilabel"],
    ),
    "two labels": (
        "a.csv",
        "text,category,topic\n" + "a,x,y\nb,z,w\n" * 9,
        "E-COLUMN",
        ['2 columns could be the label: "category", "topic"', "--label COL"],
    ),
    "two texts": (
        "a.csv",
        "subj,mail,label\n" + "some words,other words,x\nmore words,some more,y\n" * 9,
        "E-COLUMN",
        ["could be the text", "--text COL"],
    ),
    "no text": ("a.csv", "id,label\n" + "1,x\n2,y\n" * 9, "E-COLUMN", ["no column looks like a text"]),
    "no label": ("a.csv", "text,note\n" + "".join(f"a {i},b {i}\n" for i in range(20)), "E-COLUMN", ["no column looks like a label"]),
    "JSONL empty": ("a.jsonl", "", "E-FORMAT", ["the file is empty"]),
    "JSONL broken": (
        "a.jsonl",
        lines('{"text": "a", "label": }', '{"text": "b"'),
        "E-FORMAT",
        ["2 problems", "line 1: broken JSON at character 24", "line 2"],
    ),
    "JSONL NaN": ("a.jsonl", lines('{"text": "a", "label": NaN}'), "E-FORMAT", ['line 1: NaN under the key "label" is no JSON value']),
    "JSONL infinity in a list": (
        "a.jsonl",
        lines('{"text": "a", "label": ["b", -Infinity]}'),
        "E-FORMAT",
        ['line 1: -Infinity under the key "label"'],
    ),
    "JSONL NaN and broken": ("a.jsonl", lines('{"text": NaN, "label": "b"'), "E-FORMAT", ["line 1: NaN is no JSON value"]),
    "JSON NaN": ("a.json", '[{"text": "a", "label": "b"},\n {"text": NaN}]', "E-FORMAT", ['row 2 (line 2): NaN under the key "text"']),
    "JSONL rows": (
        "a.jsonl",
        lines('["a"]', '"a"', "3", "{}"),
        "E-FORMAT",
        ["line 1: a list", "line 2: a text", "line 3: a number", "line 4: an empty"],
    ),
    "JSONL key twice": ("a.jsonl", lines('{"text": "a", "text": "b"}'), "E-FORMAT", ['the key "text" stands there twice']),
    "JSONL key missing": ("a.jsonl", lines('{"text": "a"}'), "E-LABEL", ["row 1", "the label is missing in 1 of 41 rows"]),
    "JSONL null label": ("a.jsonl", lines('{"text": "a", "label": null}'), "E-LABEL", ["row 1"]),
    "JSONL half a character": ("a.jsonl", lines('{"text": "a \\ud83d", "label": "ham"}'), "E-TEXT", ["row 1", "half a character"]),
    "JSONL objects as texts": (
        "a.jsonl",
        lines('{"text": {"a": 1}, "label": "ham"}', '{"text": "b", "label": "ham"}', *['{"text": ["c"], "label": "ham"}'] * 7),
        "E-TEXT",
        ['row 1, 3, 4, 5, 6, 7 (2 more), column "text": an object where a text is needed', "--text COL"],
    ),
    "JSONL lists as labels": (
        "a.jsonl",
        lines('{"text": "a", "label": ["ham"]}', '{"text": "b", "label": ["ham", "spam"]}'),
        "E-LABEL",
        ['row 1, 2, column "label": a list where a label is needed', "--label COL"],
    ),
    "JSONL both": (
        "a.jsonl",
        lines('{"text": ["a"], "label": {"b": 1}}'),
        "E-TEXT",
        ["2 problems", 'column "text": a list', 'column "label": an object', "[E-LABEL]"],
    ),
    "JSONL half a character in a name": ("a.jsonl", lines('{"\\ud83d": "a"}'), "E-COLUMN", ["the name of the column '\\ud83d' holds half"]),
    "JSONL long number": ("a.jsonl", lines('{"text": "a", "label": ' + "9" * 5000 + "}"), "E-FORMAT", ["line 1: a number of 5,000 digits"]),
    "JSONL deep": ("a.jsonl", lines('{"text": ' + "[" * 100_000 + "}"), "E-FORMAT", ["line 1: nested too deeply"]),
    "JSON deep object": ("a.json", '{"a": ' * 100_000, "E-FORMAT", ["starts with an object"]),
    "JSON key twice in SQuAD": ("a.json", '{"data": [], "data": []}', "E-FORMAT", ['the key "data" stands there twice']),
    "JSON object": ("a.json", '{"text": ["a"], "label": ["b"]}', "E-FORMAT", ["starts with an object", "an array of objects"]),
    "JSON text": ("a.json", "hello", "E-FORMAT", ["starts with 'h'"]),
    "JSON empty": ("a.json", " ", "E-FORMAT", ["the file is empty"]),
    "JSON empty array": ("a.json", "[ ]", "E-FORMAT", ["the array is empty"]),
    "JSON cut": ("a.json", '[{"text": "a", "label": "b"},\n{"text": "c"', "E-FORMAT", ["row 2 (line 2): broken JSON"]),
    "JSON not closed": ("a.json", '[{"text": "a", "label": "b"}', "E-FORMAT", ["ends before the array is closed"]),
    "JSON comma missing": ("a.json", '[{"a": "b"}\n{"a": "c"}]', "E-FORMAT", ["behind row 1 (line 2): '{' where a comma"]),
    "JSON more behind": ("a.json", '[{"a": "b"}]\n[]', "E-FORMAT", ["line 2: more text behind the end"]),
    "JSON rows": ("a.json", '[{"text": "a"}, 3]', "E-FORMAT", ["row 2 (line 1): a number"]),
    "Parquet broken": ("a.parquet", b"PAR1 not really", "E-FORMAT", ["not a whole Parquet file"]),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_error(name: str, tmp_path: Path) -> None:
    file, content, code, says = CASES[name]
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        prepare(tmp_path / file, tmp_path / "out")
    assert caught.value.code == code
    assert str(caught.value).startswith(file)
    for piece in says:
        assert piece in str(caught.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


def good(tmp_path: Path, name: str = "a.csv") -> Path:
    (tmp_path / name).write_text(csv())
    return tmp_path / name


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label": "lable"}, ['no column "lable" (--label). Closest: "label". Columns: "text", "label"']),
        ({"text": "txt", "label": "intent"}, ["2 problems", '"txt"', '"intent"']),
        ({"text": "text", "text_pair": "text"}, ["--text and --text-pair name the same column"]),
        ({"text": "label", "label": "label"}, ["--text and --label name the same column"]),
    ],
)
def test_named_columns_must_exist(options: dict[str, str], says: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare(good(tmp_path), tmp_path / "out", **options)  # type: ignore[arg-type]
    assert caught.value.code == "E-COLUMN"
    for piece in says:
        assert piece in str(caught.value)


def test_a_test_file_with_renamed_columns(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(csv().replace("text,label", "text,labels"))
    with pytest.raises(DataError, match=r'test.csv: there is no column "label".*Closest: "labels"') as caught:
        prepare(good(tmp_path), tmp_path / "out", test=tmp_path / "test.csv")
    assert caught.value.code == "E-COLUMN"


def test_a_label_that_train_never_shows(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nnew one,ham\nnew two,Spam\nnew three,Spam\n")
    with pytest.raises(DataError) as caught:
        prepare(good(tmp_path), tmp_path / "out", test=tmp_path / "test.csv")
    assert caught.value.code == "E-LABEL"
    assert 'test.csv: row 2, 3, column "label": the label "Spam" (2 rows) never occurs in train. Closest: "spam"' in str(caught.value)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_held_out_rows_equal_to_train(split: str, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(csv().upper().replace("TEXT,LABEL", "text,label").replace("HAM", "ham").replace("SPAM", "spam"))
    with pytest.raises(DataError, match=r"100% of its 40 rows are also in a.csv \(train\)") as caught:
        prepare(good(tmp_path), tmp_path / "out", **{split: tmp_path / "b.csv"})
    assert caught.value.code == "E-SPLIT"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    good(tmp_path, "tickets.csv")
    with pytest.raises(DataError, match=r"no such file. Closest: .*tickets.csv") as caught:
        prepare(tmp_path / "ticket.csv", tmp_path / "out")
    assert caught.value.code == "E-FILE"
    with pytest.raises(DataError, match="holds no train file"):
        prepare(tmp_path, tmp_path / "out")


def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="is a pipe or a device") as caught:
        prepare(tmp_path / "rows.csv", tmp_path / "out")
    assert caught.value.code == "E-FILE"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that the hub was asked for; it has none of them, and says so as noisily as the real one."""

    def load_dataset(name: str, configuration: str | None) -> None:
        names.append(name)
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 8s [Retry 5/5].")
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub")

    names: list[str] = []
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return names


@pytest.mark.parametrize(
    ("typed", "closest"),
    [
        ("tickets.cvs", '"tickets.csv"'),
        ("tickts", '"tickets.csv"'),
        ("tickets", '"tickets.csv"'),
        ("./tickets", '"tickets.csv"'),
        ("sub/mails.jsn", '"sub/mails.json"'),
        ("nothing_like_it.xlsx", None),
        ("nowhere/tickets.cvs", None),
        ("a/b/c", None),
    ],
)
def test_a_mistyped_file_is_told_at_once(
    typed: str, closest: str | None, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good(tmp_path, "tickets.csv")
    (tmp_path / "sub").mkdir()
    good(tmp_path / "sub", "mails.json")
    with pytest.raises(DataError, match="no such file") as caught:
        prepare(typed, tmp_path / "out")
    assert caught.value.code == "E-FILE"
    assert asked == []
    assert f"Closest: {closest}" in str(caught.value) if closest else "Closest" not in str(caught.value)


@pytest.mark.parametrize("name", ["imdb", "stanfordnlp/sst2", "owner/common_voice_11.0", "owner/wiki:20231101.en", "wiki:20231101.en"])
def test_a_hub_name_goes_to_the_hub_which_keeps_its_retries_to_itself(
    name: str, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    good(tmp_path, "tickets.csv")
    with pytest.raises(DataError, match="Couldn't reach") as caught:
        prepare(name, tmp_path / "out")
    assert caught.value.code == "E-FILE"
    assert asked == [name.partition(":")[0]]
    assert caplog.messages == []


def test_objects_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read rows from a int"):
        prepare(3, tmp_path)
    with pytest.raises(DataError, match=r"list of rows: row 2: a text where an object"):
        prepare([{"text": "a", "label": "b"}, "c"], tmp_path)
    with pytest.raises(DataError, match="no rows"):
        prepare([], tmp_path)
    with pytest.raises(LeantuneError, match='No task "taging"'):
        prepare([], tmp_path, task="taging")


def test_a_frame_with_a_doubled_column(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="two columns of the name label"):
        prepare(pandas.DataFrame([["a", "b", "c"]], columns=["text", "label", "label"]), tmp_path)
    with pytest.raises(DataError, match="row 2, column"):
        prepare(pandas.DataFrame({"text": ["a b", "c d", "e f"], "label": [0, None, 1]}), tmp_path)
    with pytest.raises(DataError, match="no rows"):
        prepare(pandas.DataFrame({"text": [], "label": []}), tmp_path)
    with pytest.raises(DataError, match='row 2, column "text": a list where a text') as caught:
        prepare(pandas.DataFrame({"text": ["a b", np.array(["c", "d"]), "e f"], "label": ["x", "y", "x"]}), tmp_path)
    assert caught.value.code == "E-TEXT"
