"""The door to Hugging Face `datasets` (an extra): hub names, folders written by `save_to_disk`, `Dataset` and `DatasetDict`.

A hub name may carry a configuration: `nyu-mll/glue:rte`. Class numbers become class names; -1 (no label) becomes missing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leantune.core.errors import DataError
from leantune.data.table import CHUNK_ROWS, Chunk

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?(:[\w.-]+)?")
_SAVED = ("dataset_dict.json", "dataset_info.json", "state.json")


def is_saved_folder(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return path.is_dir() and any((path / name).exists() for name in _SAVED)


def is_dataset(source: Any) -> bool:
    """Whether `source` is a `datasets.Dataset` or a `DatasetDict`."""
    return type(source).__module__.split(".")[0] == "datasets"


def is_hub_name(name: str) -> bool:
    """Whether a text can be the name of a hub data set."""
    return _NAME.fullmatch(name) is not None


def load_folder(path: Path) -> dict[str | None, Any]:
    """Splits of a saved folder; the key is None for a single data set."""
    try:
        return splits_of(_datasets(f'the folder "{path}"').load_from_disk(str(path)))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a whole `datasets` folder ({_first_line(error)}). Save it again with save_to_disk.", "E-FILE"
        ) from None


def load_hub(name: str) -> dict[str | None, Any]:
    """Splits of a hub data set.

    Raises:
        DataError: E-EXTRA without the package, E-FILE when the hub does not have it.
    """
    library = _datasets(f'the hub data set "{name}"')
    path, _, configuration = name.partition(":")
    try:
        with _without_retries():
            return splits_of(library.load_dataset(path, configuration or None))
    except Exception as error:  # noqa: BLE001 - the library raises many kinds; all mean that the set is not to be had
        raise DataError(
            f'"{name}" is no file or folder here, and `datasets` cannot load a hub data set of that name: {_first_line(error)}.', "E-FILE"
        ) from None


def splits_of(source: Any) -> dict[str | None, Any]:
    """The data sets of a `DatasetDict` by name; {None: source} for a single one."""
    return dict(source.items()) if isinstance(source, dict) else {None: source}


def chunks(dataset: Any) -> Iterator[Chunk]:
    """Chunks of a `datasets.Dataset`; class numbers become class names."""
    classes = {name: list(feature.names) for name, feature in (dataset.features or {}).items() if type(feature).__name__ == "ClassLabel"}
    for block in dataset.iter(batch_size=CHUNK_ROWS):
        yield {name: _named(values, classes[name]) if name in classes else list(values) for name, values in block.items()}


@contextmanager
def _without_retries() -> Iterator[None]:
    """Silence the hub's lines about each retry; the error says what came of them."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _named(values: list[int | None], names: list[str]) -> list[str | None]:
    return [names[value] if value is not None and value >= 0 else None for value in values]


def _datasets(what: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise DataError(f'{what} needs the package `datasets`: pip install "leantune[datasets]".', "E-EXTRA") from None
    return datasets


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
