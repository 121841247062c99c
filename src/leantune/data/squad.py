"""Files of SQuAD, version 1 and 2: one object with articles, paragraphs and questions. A row is a question with its paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Inference, Intake
from leantune.data.objects import DECODER, StrictnessError, fault


def questions(intake: Intake) -> Iterator[dict[str, Any]] | None:
    """The rows of a SQuAD file; None where the file is none."""
    with intake.path.open(encoding=intake.encoding) as file:
        text = file.read()
        try:
            whole = DECODER.decode(text)
        except StrictnessError as error:
            intake.problems.add(f"{fault(error, text)}.", "E-FORMAT")
            return iter(())
        except (ValueError, RecursionError):
            return None
    articles = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(articles, list) or not all(isinstance(article, dict) and "paragraphs" in article for article in articles):
        return None
    version = whole.get("version", "?")
    intake.inferences.append(Inference(what="format", value=f"SQuAD {version}", why="articles with paragraphs and questions"))
    return _rows(articles, _any_answers(articles), intake)


def _any_answers(articles: list[dict[str, Any]]) -> bool:
    """Whether any question says an answer, or that there is none; a file to predict has questions only."""
    paragraphs = [one for article in articles for one in _whole(article["paragraphs"])]
    asked = [one for paragraph in paragraphs for one in _whole(paragraph.get("qas"))]
    return not asked or any("answers" in one or one.get("is_impossible") for one in asked)


def _whole(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; what is none is told when the rows are read."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _rows(articles: list[dict[str, Any]], answered: bool, intake: Intake) -> Iterator[dict[str, Any]]:
    for article in articles:
        title = f'article "{article.get("title", "")}"'
        for number, paragraph in _objects(article["paragraphs"], "paragraph", title, intake):
            where = f"{title}, paragraph {number}"
            for _, asked in _objects(paragraph.get("qas", []), "question", where, intake):
                try:
                    yield _row(asked, paragraph, where, intake) if answered else _question(asked, paragraph)
                except KeyError as error:
                    needs = "Each question needs question and answers, each answer text and answer_start, each paragraph context."
                    intake.problems.add(f"{where}: {error} is missing. {needs}", "E-FORMAT")
            if intake.full:
                return


def _row(asked: dict[str, Any], paragraph: dict[str, Any], where: str, intake: Intake) -> dict[str, Any]:
    given = [] if asked.get("is_impossible") else asked["answers"]
    answers = [one for _, one in _objects(given, "answer", where, intake)]
    found = {"text": [one["text"] for one in answers], "answer_start": [one["answer_start"] for one in answers]}
    return _question(asked, paragraph) | {"answers": found}


def _question(asked: dict[str, Any], paragraph: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(asked.get("id", "")), "question": asked["question"], "context": paragraph["context"], "answers": None}


def _objects(value: Any, name: str, where: str, intake: Intake) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects in a list with their numbers from 1; whatever is none is noted."""
    if not isinstance(value, list):
        intake.problems.add(f"{where}: the {name}s are {_kind(value)}, no list.", "E-FORMAT")
        return
    for number, one in enumerate(value, 1):
        if isinstance(one, dict):
            yield number, one
        else:
            intake.problems.add(f"{where}: {name} {number} is {_kind(one)}, no object.", "E-FORMAT")


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return kinds.get(type(value), "a number or truth value")
