"""Results files and the YouTube-VIS metric; numpy and pycocotools are enough, and for tracks scipy.

>>> import numpy as np
>>> from sgnet.evaluation import encode, evaluate
>>> from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video
>>> video = Video(id=1, width=40, height=20, length=2, file_names=())
>>> mask = np.zeros((20, 40), dtype=np.uint8)
>>> mask[5:15, 10:20] = 1
>>> true = AnnotatedTrack(1, 1, 7, False, (encode(mask), None), (None, None), (100.0, None))
>>> found = ResultTrack(1, 7, 0.9, (encode(mask), encode(mask[:, ::-1])))  # one frame too many
>>> metrics = evaluate([video], [Category(7, "cat")], [true], [found])
>>> round(metrics.stats["AP"], 3), round(metrics.stats["AP50"], 3)  # an IoU of a half
(0.1, 1.0)

Files are read by `load_results` here and by `sgnet.data.annotations.youtube_vis.load_annotations`.
`ScoredResults.from_file` is for large ones, and gives every figure there is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgnet.evaluation.average_precision import VideoMetrics, evaluate, match_categories
    from sgnet.evaluation.error_gains import ErrorGains, evaluate_errors
    from sgnet.evaluation.intervals import figure_differences, figure_intervals
    from sgnet.evaluation.matching import measure_categories
    from sgnet.evaluation.region_contour import evaluate_contours
    from sgnet.evaluation.results import load_results, save_results
    from sgnet.evaluation.results_ladder import evaluate_ladder
    from sgnet.evaluation.scored_results import ScoredResults
    from sgnet.evaluation.strata import StratumFigures, evaluate_strata
    from sgnet.evaluation.track_errors import JudgedTrack, judge_tracks
    from sgnet.evaluation.tracking_figures import TrackingFigures, evaluate_tracking
    from sgnet.ops.rle import encode

_PLACES = {
    "VideoMetrics": "sgnet.evaluation.average_precision",
    "evaluate": "sgnet.evaluation.average_precision",
    "match_categories": "sgnet.evaluation.average_precision",
    "ErrorGains": "sgnet.evaluation.error_gains",
    "evaluate_errors": "sgnet.evaluation.error_gains",
    "figure_differences": "sgnet.evaluation.intervals",
    "figure_intervals": "sgnet.evaluation.intervals",
    "load_results": "sgnet.evaluation.results",
    "save_results": "sgnet.evaluation.results",
    "evaluate_ladder": "sgnet.evaluation.results_ladder",
    "ScoredResults": "sgnet.evaluation.scored_results",
    "StratumFigures": "sgnet.evaluation.strata",
    "evaluate_strata": "sgnet.evaluation.strata",
    "measure_categories": "sgnet.evaluation.matching",
    "evaluate_contours": "sgnet.evaluation.region_contour",
    "JudgedTrack": "sgnet.evaluation.track_errors",
    "judge_tracks": "sgnet.evaluation.track_errors",
    "TrackingFigures": "sgnet.evaluation.tracking_figures",
    "evaluate_tracking": "sgnet.evaluation.tracking_figures",
    "encode": "sgnet.ops.rle",
}
__all__ = [  # noqa: RUF022 - as they are used
    "load_results",
    "save_results",
    "ScoredResults",
    "encode",
    "evaluate",
    "VideoMetrics",
    "match_categories",
    "figure_intervals",
    "figure_differences",
    "measure_categories",
    "evaluate_strata",
    "StratumFigures",
    "evaluate_tracking",
    "TrackingFigures",
    "evaluate_contours",
    "evaluate_errors",
    "ErrorGains",
    "judge_tracks",
    "JudgedTrack",
    "evaluate_ladder",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of them
    """Imports what is asked for: a deployment that only streams has no pycocotools."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
