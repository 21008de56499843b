"""A data set of another form, converted when it is first used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from sgnet.conversion.labelled import LabelledVideos
from sgnet.conversion.youtube_vis import save_split
from sgnet.data.annotations.youtube_vis import find_split
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.files.atomic_file import write_json
from sgnet.files.checked_json import read_json


class ConvertedDataModule(YouTubeVISDataModule):
    """Writes each split's annotation file once and links its images; the source is never changed.

    Where the source changes, remove the folder `root` to have it converted again; where a reader's
    settings change, that is asked for.

    Args:
        root: folder for what is written.
        readers: of each split's labels.
        **settings: of `YouTubeVISDataModule`.
    """

    def __init__(
        self,
        root: str | Path,
        readers: Mapping[str, Callable[[], LabelledVideos]],
        **settings: Any,  # noqa: ANN401 - passed through
    ) -> None:
        super().__init__(root=root, **settings)
        self._readers = dict(readers)

    def prepare_data(self) -> None:
        """Converts the splits that are trained and validated on."""
        for split in dict.fromkeys((self.train_split, self._scored_split)):
            if split is not None:
                self.prepare_split(split)

    def prepare_split(self, split: str) -> None:
        """Converts one split where it is not there yet; of two processes one waits.

        Raises:
            ValueError: no such split, its labels are missing or malformed, or it was converted
                with other settings.
        """
        if split not in self._readers:
            raise ValueError(f"split must be one of {sorted(self._readers)}, got {split!r}")
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / f".{split}.lock"):
            reader, note = self._readers[split], self.root / f".{split}.reader.json"
            settings = _settings(reader)
            try:
                find_split(self.root, split)
            except FileNotFoundError:
                write_json(settings, note)  # first: a split is never there without
                save_split(reader(), self.root, split)
            before = read_json(note) if note.is_file() else settings
            if before != settings:
                raise ValueError(
                    f"{self.root}: split {split!r} was converted with other settings, expected "
                    f"{settings}, got {before}; remove the folder or choose another data.root"
                )


def _settings(reader: Callable[[], LabelledVideos]) -> dict[str, Any]:
    """A reader's name and what it was given, as JSON has it."""
    given = getattr(reader, "keywords", {})
    function = getattr(reader, "func", reader)
    settings: dict[str, Any] = json.loads(json.dumps(given, default=str))
    settings = {k: _resolved(value) for k, value in settings.items() if value is not None}
    return {"reader": getattr(function, "__name__", str(function)), **settings}


def _resolved(value: Any) -> Any:  # noqa: ANN401 - whatever a reader takes
    """A path that is there as the same text from every folder."""
    is_path = isinstance(value, str) and Path(value).exists()
    return str(Path(value).resolve()) if is_path else value
