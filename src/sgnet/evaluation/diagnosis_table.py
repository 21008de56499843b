"""The figures of a diagnosis as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sgnet.evaluation.average_precision import UNDEFINED

# what a figure is called, and what it is multiplied by: per cent, or pixels of the frame
ROWS = {
    "mask_iou": ("mask IoU in true boxes", 100),
    "mask_iou_other_scores": ("  with another object's scores", 100),
    "mask_iou_own_minus_other": ("  its own minus another's", 100),
    "contested_mask_iou": ("mask IoU in contested boxes", 100),
    "contested_own_minus_other": ("  its own minus another's", 100),
    "contested_others_claimed": ("  share of others that it claims", 100),
    "contested_own_kept": ("  share of its own that it keeps", 100),
    "contested_told_apart": ("  kept minus claimed: told apart", 100),
    "ceiling_stride_8": ("ceiling of masks of stride 8", 100),
    "ceiling_stride_4": ("ceiling of masks of stride 4", 100),
    "ceiling_stride_2": ("ceiling of masks of stride 2", 100),
    "class_right": ("class accuracy at the best location", 100),
    "box_iou": ("box IoU there", 100),
    "movement_error": ("movement error there, pixels", 1),
    "movement_error_of_none": ("  of 'no movement'", 1),
    "found_box": ("recall at box IoU 0.5", 100),
    "found_mask": ("recall at mask IoU 0.5", 100),
    "id_switched": ("ID switches of objects found again", 100),
}
WIDTH = max(len(title) for title, _ in ROWS.values())


def diagnosis_table(report: Mapping[str, Any]) -> str:
    """Figures in per cent or pixels with their standard errors, the ladder, the differences.

    Args:
        report: what the command's JSON file holds.
    """
    return "\n".join(
        [
            f"{report['frames']} frames of {report['videos']} videos; masks of stride "
            f"{report['mask_stride']}; standard errors (se) over videos, plain ones over objects",
            f"{'':<{WIDTH}}{'mean':>9}{'se':>8}{'plain':>8}{'objects':>9}",
            *_figures(report["figures"]),
            f"{'ID switches':<{WIDTH}}{report['id_switches']:>9}",
            "",
            *ladder_lines(report["oracle_ladder"]),
            *_differences(report),
        ]
    )


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    for name, (title, factor) in ROWS.items():
        figure = figures[name]
        cells = (
            f"{_number(figure['mean'], factor):>9}",
            f"{_number(figure['standard_error'], factor):>8}",
            f"{_number(figure['plain_standard_error'], factor):>8}",
            f"{figure['objects']:>9}",
        )
        yield f"{title:<{WIDTH}}" + "".join(cells)


def ladder_lines(ladder: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The oracle ladder in per cent, a line a rung."""
    stats = list(next(iter(ladder.values())))
    yield f"{'replaced by the truth':<{WIDTH}}" + "".join(f"{name:>9}" for name in stats)
    for rung, row in ladder.items():
        values = (None if value == UNDEFINED else value for value in row.values())
        yield f"{rung:<{WIDTH}}" + "".join(f"{_number(value, 100, 1):>9}" for value in values)


def _differences(report: Mapping[str, Any]) -> Iterator[str]:
    if report["compared_with"] is None:
        return
    yield ""
    yield f"minus {report['compared_with']}, with 95 % intervals over videos"
    for name, (title, factor) in ROWS.items():
        difference = report["differences"][name]
        low, high = (_number(difference[end], factor) for end in ("low", "high"))
        mean = _number(difference["mean"], factor)
        yield f"{title:<{WIDTH}}{mean:>9}  [{low}, {high}]{difference['objects']:>9}"


def _number(value: float | None, factor: int, digits: int = 2) -> str:
    # the sum takes the sign from what rounds to zero
    return "-" if value is None else f"{round(factor * value, digits) + 0.0:.{digits}f}"
