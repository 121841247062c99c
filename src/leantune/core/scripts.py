"""Which writing texts are in, as far as counting their words needs it: Latin, Chinese, other scripts without spaces, others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Script = Literal["latin", "han", "unspaced", "other"]

_KANA_HANGUL_THAI = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\uac00-\ud7af]")
"""Japanese syllables, Korean, Thai, Lao, Burmese and Khmer."""
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_LETTER = re.compile(r"[^\W\d_]")
_JAPANESE = 0.1
"""Share of syllables among letters from which on Chinese characters are read as Japanese."""
_WORD = re.compile(f"{_HAN.pattern}|{_KANA_HANGUL_THAI.pattern}|[^\\W_]+?(?={_HAN.pattern}|{_KANA_HANGUL_THAI.pattern}|[\\W_]|$)")


def script_of(texts: Iterable[str]) -> Script:
    """The script of most letters; "unspaced" for Japanese, Korean, Thai and their like.

    >>> script_of(["A red car."]), script_of(["北京 2008"]), script_of(["赤い車です"]), script_of(["красная"]), script_of(["42"])
    ('latin', 'han', 'unspaced', 'other', 'latin')
    """
    latin = han = syllables = letters = 0
    for text in texts:
        latin += len(_LATIN.findall(text))
        han += len(_HAN.findall(text))
        syllables += len(_KANA_HANGUL_THAI.findall(text))
        letters += len(_LETTER.findall(text))
    if 2 * latin >= letters:
        return "latin"
    if 2 * (han + syllables) < letters:
        return "other"
    return "unspaced" if syllables > _JAPANESE * letters else "han"


def is_word(letter: str) -> bool:
    """Whether a letter is of a script without spaces, where each is as good as a word.

    >>> is_word("京"), is_word("k")
    (True, False)
    """
    return bool(_HAN.match(letter) or _KANA_HANGUL_THAI.match(letter))


def words(text: str) -> list[str]:
    """Words in lower case; each letter of a script without spaces is a word of its own.

    >>> words("Красный BMW, 北京 2008年")
    ['красный', 'bmw', '北', '京', '2008', '年']
    """
    return _WORD.findall(text.lower())
