"""What validation found: videos with tracked masks and a table of categories, for dashboards."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from sgnet.data.clips.frames import read_frame
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.training.lightning_module import SGNetModule
from sgnet.training.validation import LOGGED_STATS
from sgnet.visualization.report_pictures import TrackPictures, write_track_pictures

log = logging.getLogger(__name__)


class ValidationPictures(pl.Callback):
    """Draws the first videos behind each validation; hands them and AP per category to the loggers.

    W&B gets the video and a table, TensorBoard the sheet. What goes wrong here is a warning: no run
    fails for its pictures. Only the first process draws.

    Args:
        folder: gets `step-000280/tracks.mp4` and `tracks.png`.
        videos: how many; 0 draws none.
        min_score: weaker tracks are left out.
    """

    def __init__(self, folder: str | Path, videos: int = 2, min_score: float = 0.4) -> None:
        self.folder = Path(folder)
        self.videos = videos
        self.min_score = min_score

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws and logs."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        if not isinstance(pl_module, SGNetModule):
            return
        try:
            self._log_table(trainer, pl_module)
            if self.videos:
                self._draw(trainer, pl_module)
        except Exception:  # noqa: BLE001 - see above
            log.warning(
                "no pictures of the validation at step %d", trainer.global_step, exc_info=True
            )

    def _draw(self, trainer: pl.Trainer, module: SGNetModule) -> None:
        data = _data(trainer)
        videos = module.val_videos[: self.videos]
        names = {category.id: category.name for category in data.categories}
        pictures = TrackPictures(data.read_val_frame, names, self.min_score, data.input_size)
        folder = self.folder / f"step-{trainer.global_step:06d}"
        write_track_pictures(pictures, videos, module.val_tracks, folder)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                caption = ", ".join(video.file_names[0] for video in videos)
                logger.log_video(
                    "val/tracks", [str(folder / "tracks.mp4")], format=["mp4"], caption=[caption]
                )
            elif isinstance(logger, TensorBoardLogger):
                sheet = read_frame(folder / "tracks.png")
                logger.experiment.add_image(
                    "val/tracks", sheet, trainer.global_step, dataformats="HWC"
                )

    def _log_table(self, trainer: pl.Trainer, module: SGNetModule) -> None:
        metrics = module.val_metrics
        if metrics is None:
            return
        categories = _data(trainer).val_annotations.categories
        rows = [
            [category.name, *(metrics.per_category[category.id][name] for name in LOGGED_STATS)]
            for category in categories
        ]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_table("val/categories", columns=["category", *LOGGED_STATS], data=rows)


def _data(trainer: pl.Trainer) -> YouTubeVISDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, YouTubeVISDataModule):
        raise ValueError(f"expected a YouTubeVISDataModule, got {type(data).__name__}")
    return data
