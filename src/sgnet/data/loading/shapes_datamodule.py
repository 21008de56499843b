"""The embedded benchmark as a data module: generates what it then reads."""

from __future__ import annotations

from typing import Any

from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.data.shapes import ShapesSpec, generate_shapes


class ShapesDataModule(YouTubeVISDataModule):
    """Writes the `shapes` benchmark to disk where it is not there yet.

    Args:
        spec: size and difficulty.
        train_videos: number of training videos.
        num_val_videos: number of validation videos.
        generator_seed: of both splits; a split's name is part of its seed, so they never share one.
        generator_workers: processes that draw.
        **settings: of `YouTubeVISDataModule`.
    """

    def __init__(
        self,
        spec: ShapesSpec,
        train_videos: int,
        num_val_videos: int,
        generator_seed: int = 0,
        generator_workers: int = 2,
        **settings: Any,  # noqa: ANN401 - passed through
    ) -> None:
        super().__init__(**settings)
        self.spec = spec
        self.sizes = {self.train_split: train_videos}
        if self.val_split is not None:
            self.sizes[self.val_split] = num_val_videos
        self.generator_seed = generator_seed
        self.generator_workers = generator_workers

    def prepare_data(self) -> None:
        """Generates both splits; returns at once where they are complete."""
        for split in self.sizes:
            self.prepare_split(split)

    def prepare_split(self, split: str) -> None:
        """Generates one split where it is not there yet.

        Raises:
            ValueError: the benchmark has no such split.
        """
        if split not in self.sizes:
            raise ValueError(f"split must be one of {sorted(self.sizes)}, got {split!r}")
        generate_shapes(
            self.root,
            self.spec,
            split,
            self.sizes[split],
            seed=self.generator_seed,
            num_workers=self.generator_workers,
        )
