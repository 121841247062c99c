"""What Python gets back from a comparison: tables, the choice, its artifacts, the report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from leantune.comparison.sharing_table import text as sharing_text
from leantune.comparison.table import text as table_text
from leantune.core.errors import ArtifactError
from leantune.core.records import Choice as ChoiceRecord
from leantune.core.records import Comparison
from leantune.core.sharing import Sharing
from leantune.report.write import write_documents


@dataclass(frozen=True)
class Choice:
    """What leantune would ship, and its artifact."""

    record: ChoiceRecord
    run: Path

    @property
    def method(self) -> str | None:
        """The chosen method."""
        return self.record.method

    @property
    def verdict(self) -> str | None:
        """Its verdict against full fine-tuning."""
        return self.record.verdict

    @property
    def reason(self) -> str:
        """One sentence built from the intervals."""
        return self.record.reason

    def save(self, folder: str | Path) -> Path:
        """Copy the artifact to `folder`.

        Raises:
            ArtifactError: E-ARTIFACT when the choice has no artifact, or the folder is not empty.
        """
        if self.record.artifact is None:
            raise ArtifactError(f"The choice ({self.method or 'none'}) has no artifact: nothing was tuned for it.", "E-ARTIFACT")
        target = Path(folder)
        if target.exists() and any(target.iterdir()):
            raise ArtifactError(f'"{target}" is not empty. Choose another folder.', "E-ARTIFACT")
        shutil.copytree(self.run / self.record.artifact, target, dirs_exist_ok=True)
        return target


@dataclass(frozen=True)
class Result:
    """A finished comparison."""

    comparison: Comparison
    run: Path

    @property
    def choice(self) -> Choice:
        """What to ship."""
        return Choice(self.comparison.choice, self.run)

    def table(self) -> str:
        """The verdict table as aligned text."""
        return table_text(self.comparison)

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to `path` (the run folder has one already)."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = write_documents(self.comparison, self.run)
        shutil.copyfile(made["html"], target)
        return target


@dataclass(frozen=True)
class MixtureResult:
    """A finished comparison of several tasks, together and alone."""

    sharing: Sharing
    run: Path

    @property
    def artifacts(self) -> dict[str, Path]:
        """The folder of each task, to load, evaluate and export like any artifact."""
        return {name: self.run / folder for name, folder in self.sharing.choice.artifacts.items()}

    def table(self) -> str:
        """The tables as aligned text."""
        return sharing_text(self.sharing)
