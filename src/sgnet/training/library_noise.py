"""Messages of libraries that nobody who trains can do anything about."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# beginnings of warnings, as patterns
WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own use of PyTorch
    r"It is recommended to use `self.log\(.*sync_dist=True",  # they are merged before
    r"Experiment logs directory .* exists and is not empty",  # the run folder that Hydra made
    r"Checkpoint directory .* exists and is not empty",  # of the run's part before
)
# what lines of Lightning's loggers hold
LINES = (
    "`weights_only` was not set",  # this package sets it wherever it loads
    "litlogger",  # an advertisement
    "TPU available: False",
    "was configured so 100% of the batches",
)
LOGGERS = (
    "pytorch_lightning.utilities.rank_zero",
    "pytorch_lightning.trainer.connectors.checkpoint_connector",
    "lightning_fabric.utilities.rank_zero",
)


@contextmanager
def without_library_noise() -> Iterator[None]:
    """Inside, these are not shown; all others are."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    with warnings.catch_warnings():
        for message in WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.addFilter(_is_news)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not any(line in record.getMessage() for line in LINES)
