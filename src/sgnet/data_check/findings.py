"""What a check found, each with its file, entry and field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sgnet.files.checked_json import JsonEntry

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")
FIELD = re.compile(
    r"(id|name|width|height|length|file_names?|video_id|image_id|category_id|iscrowd|segmentations?"
    r"|bboxes|bbox|areas?|categories|videos|images|annotations)\b(\[\d+\])?"
)


@dataclass(frozen=True)
class Finding:
    """One defect or oddity.

    Attributes:
        severity: `error` for what the reader or training refuses and for validation videos that are
            trained on; `warning` for what they take though it is doubtful; `notice` for the rest.
        kind: a short name, the same for all findings of a sort.
        file: annotation file or image.
        entry: where in the file, such as `annotations[1] (id 102)`; empty for the whole file.
        problem: begins with the field where there is one.
    """

    severity: Severity
    kind: str
    file: str
    entry: str
    problem: str

    @property
    def field(self) -> str:
        """The field, such as `bboxes[3]`; empty where the problem is not one of a field."""
        found = FIELD.match(self.problem)
        return "" if found is None else found[0]

    @property
    def message(self) -> str:
        """File, entry and problem, in the words of the reader's errors."""
        return ": ".join(part for part in (self.file, self.entry, self.problem) if part)

    def as_json(self) -> dict[str, str]:
        """For report.json."""
        return {
            "severity": self.severity,
            "kind": self.kind,
            "file": self.file,
            "entry": self.entry,
            "field": self.field,
            "problem": self.problem,
        }


@dataclass
class Findings:
    """Collects findings; what was said before in the same words is not said again."""

    found: list[Finding] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    def add(self, severity: Severity, kind: str, file: str, entry: str, problem: str) -> None:
        """Adds one."""
        finding = Finding(severity, kind, file, entry, problem)
        if finding.message not in self._said:
            self._said.add(finding.message)
            self.found.append(finding)

    def add_message(self, severity: Severity, kind: str, entry: JsonEntry, message: str) -> None:
        """Adds what the reader says of an entry; its words stay as they are."""
        problem = message.removeprefix(f"{entry.file}: ")
        name = entry.name if entry.name and problem.startswith(f"{entry.name}: ") else ""
        self.add(severity, kind, entry.file, name, problem.removeprefix(f"{name}: "))

    def count(self, severity: Severity) -> int:
        """How many there are of a severity."""
        return sum(finding.severity == severity for finding in self.found)

    def by_kind(self, severity: Severity) -> dict[str, Sequence[Finding]]:
        """Those of a severity by kind, in the order in which they were found."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.found:
            if finding.severity == severity:
                kinds.setdefault(finding.kind, []).append(finding)
        return dict(kinds)
