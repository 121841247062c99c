"""The first pass over a text file: which character set, is it whole, and the digest of its bytes.

UTF-8 with or without a byte order mark and UTF-16 with one are read; anything else is named with line and byte, never guessed.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from leantune.core.errors import DataError

_BLOCK = 1 << 20
_SAMPLE = 4_000
"""Bytes around a fault that are looked at."""
_FEW = 0.4
"""Share of a line that accented letters of western texts stay below; other alphabets have little else."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_MAGIC = {
    b"\xff\xfe\x00\x00": "UTF-32. Save it as UTF-8",
    b"\x00\x00\xfe\xff": "UTF-32. Save it as UTF-8",
    b"PK\x03\x04": "a zip archive or an Excel workbook. Save the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook. Save the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "gzip-compressed. Unpack it first (gunzip)",
    b"PAR1": "a Parquet file. Give it the ending .parquet",
    b"%PDF": "a PDF. Bring the rows into a CSV file",
    b"version https://git-lfs": "a Git LFS pointer and not the file itself. Fetch it (git lfs pull)",
}
_PAGE = (b"<!doctype html", b"<html")
"""How a web page begins, which is what a failed download often leaves; rows never begin so, but a text may."""


@dataclass(frozen=True)
class Scan:
    """What the first pass found: the encoding's Python name and the digest of the bytes (16 hexadecimal digits)."""

    encoding: str
    digest: str


def scan(path: Path) -> Scan:
    """Read a text file once, block by block.

    Raises:
        DataError: E-FORMAT with line and byte of the first fault.
    """
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        _refuse_magic(path, block)
        encoding = next((name for mark, name in _MARKS if block.startswith(mark)), "utf-8")
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)  # a bare CR ends a line too
        seen = hashlib.sha256()
        end, lines = len(block), 1
        while True:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise _not_decodable(path, encoding, error, end, lines) from None
            if "\0" in text:
                line = lines + text[: text.index("\0")].count("\n")
                raise _nul(path, line, None if encoding == "utf-16" else end - len(block) + block.index(b"\0"))
            if not block:
                return Scan(encoding, seen.hexdigest()[:16])
            seen.update(block)
            lines += text.count("\n")
            block = file.read(_BLOCK)
            end += len(block)


def _refuse_magic(path: Path, block: bytes) -> None:
    for magic, remedy in _MAGIC.items():
        if block.startswith(magic):
            raise DataError(f"{path.name}: this is {remedy}.", "E-FORMAT")
    if path.suffix != ".txt" and block[:200].lstrip().lower().startswith(_PAGE):
        raise DataError(f"{path.name}: this is a web page, perhaps an error page of a download. Download the file itself.", "E-FORMAT")


def _nul(path: Path, line: int, byte: int | None = None) -> DataError:
    place = f"{path.name} line {line}" + ("" if byte is None else f", byte {byte:,}")
    return DataError(
        f"{place}: a NUL byte. The file is damaged, binary, or UTF-16 without a byte order mark. Save it as UTF-8 text.",
        "E-FORMAT",
    )


def _not_decodable(path: Path, encoding: str, error: UnicodeDecodeError, end: int, lines: int) -> DataError:
    """`end` is the file offset behind the bytes that the decoder was given; it may have kept some from before."""
    start = end - len(error.object) + error.start
    line = lines + _line_ends(error.object[: error.start].decode(encoding, "replace"))
    place = f"{path.name} line {line}, byte {start:,} (0x{error.object[error.start]:02X})"
    if encoding == "utf-16":
        return DataError(f"{place}: broken UTF-16 ({error.reason}). Save the file as UTF-8.", "E-FORMAT")
    around = error.object[max(0, error.start - _SAMPLE) : error.start + _SAMPLE]
    if b"\0" in around:
        return _nul(path, line)
    if _mostly_utf_8(around):
        return DataError(f"{place}: a damaged character in a text that is UTF-8 otherwise. Repair it, or leave it out.", "E-FORMAT")
    guess = _likely(error.object[error.object.rfind(b"\n", 0, error.start) + 1 : error.start + _SAMPLE])
    convert = f"iconv -f {guess or 'SET'} -t UTF-8 {path.name} > {path.stem}.utf8{path.suffix}"
    looks = f"It looks like {guess}; check and" if guess else f"Find out its character set (file -i {path.name} guesses) and"
    return DataError(f"{place}: not UTF-8. {looks} convert it: {convert}", "E-FORMAT")


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _mostly_utf_8(sample: bytes) -> bool:
    """Whether more characters beyond ASCII are whole than damaged; text in another set is hardly ever UTF-8 by accident."""
    text = sample.decode("utf-8", "replace")
    beyond = sum(letter > "\x7f" for letter in text)
    return beyond > 2 * text.count("\ufffd")


def _likely(sample: bytes) -> str | None:
    """A guess for the message only: Chinese when most high bytes pair up into common Chinese characters, western where they are few."""
    text = sample.decode("gb18030", "replace")
    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in text)
    high = sum(byte >= 0x80 for byte in sample)
    if high >= 4 and chinese * 2 >= 0.8 * high and "\ufffd" not in text[:-2]:
        return "GB18030"
    line = sample.split(b"\n", 1)[0]
    return "WINDOWS-1252" if sum(byte >= 0x80 for byte in line) <= _FEW * len(line) else None
