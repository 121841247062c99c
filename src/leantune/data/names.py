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
    ("question", "passage"),
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

EVENTS = ("events", "event_mentions", "golden_event_mentions")
"""The column that holds a list of events in every row."""

SOURCES = (
    ("conversation", "reply"),
    ("source", "target"),
    ("source", "references"),
    ("src", "tgt"),
    ("source_text", "target_text"),
    ("input_text", "target_text"),
    ("document", "summary"),
    ("article", "summary"),
    ("article", "highlights"),
    ("dialogue", "summary"),
    ("dialog", "summary"),
    ("text", "summary"),
    ("meaning_representation", "human_reference"),
    ("mr", "ref"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("instruction", "output"),
    ("input", "output"),
)
"""A text that is read and the text that is written for it; only where the second one is no label."""

_CODES = (
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko ky lo lt"
    " lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi xh yo zh zu"
)
LANGUAGES = frozenset(_CODES.split())
"""Codes of languages (ISO 639-1); two columns of these names are a text and its translation."""

TAGS = (
    "tags",
    "ner_tags",
    "pos_tags",
    "slot_tags",
    "ner",
    "pos",
    "upos",
    "slots",
    "labels",
    "label",
    "roles",
    "role_tags",
    "srl_tags",
    "argument_tags",
)
"""The column that holds the tag of each word."""


PREDICATES = (
    "predicate_index",
    "predicate_indices",
    "predicate_idx",
    "pred_index",
    "pred_idx",
    "verb_index",
    "verb_idx",
    "predicate_span",
    "predicate",
    "verb",
)
"""The column that says which word is the predicate."""

TRIGGERS = ("trigger_index", "trigger_indices", "trigger_idx", "trigger_span", "trigger")
"""The column that says which words are the trigger of an event."""

SPANS = ("predicate_span", "trigger_span", "trigger")
"""Those of them in which two numbers are a span."""

OPTIONS = ("choices", "options", "endings", "candidates", "alternatives", "choice", "option", "answers")
"""The column that holds the options of a row."""

OPTION_PREFIXES = (
    "ending",
    "choice",
    "option",
    "opt",
    "op",
    "answer",
    "ans",
    "candidate",
    "alternative",
    "hypothesis",
    "hyp",
    "solution",
    "sol",
)
"""What columns begin with that hold one option each: ending0, option_a."""

CONTEXTS = ("article", "context", "passage", "paragraph", "ctx", "premise", "background", "story", "sent1", "obs1")
"""The column that a question is about, or that an ending continues."""

QUESTIONS = (
    "question",
    "question_stem",
    "stem",
    "query",
    "goal",
    "sent2",
    "obs2",
    "prompt",
    "problem",
    "text",
    "sentence",
    "startphrase",
    "input",
)
"""The column that is the question, or the beginning of an ending."""

RIGHT = (
    "label",
    "answer",
    "answerkey",
    "answer_key",
    "gold",
    "gold_label",
    "correct",
    "correct_answer",
    "correct_option",
    "correct_answer_id",
    "correct_choice",
    "correct_index",
    "answer_idx",
    "answer_index",
    "answer_id",
    "target",
    "cop",
    "labels",
    "right",
)
"""The column that says which option is right, most telling first."""


def plain(name: str) -> str:
    """A column name in the form of the lists above.

    >>> plain("Gold Label")
    'gold_label'
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_").replace(".", "_")


def language(name: str) -> bool:
    """Whether a column has the name of a language: de, pt-BR, zh_CN, deu_Latn.

    >>> language("de"), language("pt-BR"), language("deu_Latn"), language("id_2"), language("text")
    (True, True, True, False, False)
    """
    code, _, rest = plain(name).partition("_")
    if len(code) == 3:
        return code.isalpha() and rest.isalpha() and len(rest) == 4
    return code in LANGUAGES and (not rest or (len(rest) == 2 and rest.isalpha()))
