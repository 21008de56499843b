"""SG-Net: one-stage video instance segmentation (CVPR 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgnet.inference.video_predictor import VideoPredictor

__version__ = "0.1.0"
__all__ = ["VideoPredictor", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute
    """Imports torch only where it is asked for."""
    if name == "VideoPredictor":
        from sgnet.inference.video_predictor import VideoPredictor

        return VideoPredictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
