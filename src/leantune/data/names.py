"""Names that columns usually have, most telling first. Compared without case; spaces, dots and hyphens count as underscores."""

from __future__ import annotations

PAIRS = (
    ("text", "text_pair"),
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("question", "context"),
    ("question", "answer"),
    ("question", "sentence"),
    ("query", "passage"),
    ("query", "document"),
    ("claim", "evidence"),
    ("s1", "s2"),
)
"""Two columns that are one input."""

TEXTS = (
    "text",
    "sentence",
    "utterance",
    "query",
    "question",
    "message",
    "review",
    "review_text",
    "tweet",
    "comment",
    "content",
    "body",
    "document",
    "description",
    "input",
    "prompt",
    "tokens",
    "words",
)
"""One column that is the input."""

LABELS = (
    "label",
    "labels",
    "category",
    "class",
    "intent",
    "target",
    "sentiment",
    "topic",
    "gold_label",
    "relation",
    "gold",
    "emotion",
    "stance",
    "label_text",
    "y",
    "answers",
    "tags",
    "score",
    "similarity",
    "rating",
)
"""The column that is the answer."""

WORDS = ("tokens", "words")
"""The column that holds a list of words in every row."""

TAGS = ("tags", "ner_tags", "pos_tags", "slot_tags", "ner", "pos", "upos", "slots", "labels", "label")
"""The column that holds the tag of each word."""


def plain(name: str) -> str:
    """A column name in the form of the lists above.

    >>> plain("Gold Label")
    'gold_label'
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_").replace(".", "_")
