"""Files of SQuAD, version 1 and 2: one object with articles, paragraphs and questions. A row is a question with its paragraph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Inference, Intake


def questions(intake: Intake) -> Iterator[dict[str, Any]] | None:
    """The rows of a SQuAD file; None where the file is none."""
    with intake.path.open(encoding=intake.encoding) as file:
        try:
            whole = json.load(file)
        except ValueError:
            return None
    articles = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(articles, list) or not all(isinstance(article, dict) and "paragraphs" in article for article in articles):
        return None
    version = whole.get("version", "?")
    intake.inferences.append(Inference(what="format", value=f"SQuAD {version}", why="articles with paragraphs and questions"))
    return _rows(articles, intake)


def _rows(articles: list[dict[str, Any]], intake: Intake) -> Iterator[dict[str, Any]]:
    for article in articles:
        for place, paragraph in enumerate(article["paragraphs"], 1):
            for asked in paragraph.get("qas", []):
                where = f'article "{article.get("title", "")}", paragraph {place}'
                try:
                    answers = [] if asked.get("is_impossible") else asked["answers"]
                    found = {"text": [one["text"] for one in answers], "answer_start": [one["answer_start"] for one in answers]}
                    yield {"id": str(asked.get("id", "")), "question": asked["question"], "context": paragraph["context"], "answers": found}
                except (KeyError, TypeError) as error:
                    intake.problems.add(
                        f"{where}: {error} is missing. Each question needs question and answers, each paragraph context.", "E-FORMAT"
                    )
                    if intake.full:
                        return
