"""The figures that targets are set for, from what was timed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sgnet.benchmark.timing import Timing


def ratios(times: Mapping[str, Timing], mode: str) -> dict[str, float]:
    """The figures that targets are set for; above 1 is faster than Mask R-CNN, below 1 than FCOS.

    Args:
        times: of one run; {} comes of one without rivals.
        mode: `exact` or `fastest`; the latter is also compared with the fastest that each rival was
            measured to be at that count, be it the mode of its trial or the eager one.
    """
    ms = {name: timing.median for name, timing in times.items()}
    if "FCOS 10" not in ms:
        return {}
    found = {
        "maskrcnn_10_over_ours": ms["Mask R-CNN 10"] / ms[f"{mode} 10"],
        "maskrcnn_100_over_ours": ms["Mask R-CNN 100"] / ms[f"{mode} 100"],
        "ours_over_fcos": ms[f"{mode} 10"] / ms["FCOS 10"],
    }
    if mode == "fastest":
        found |= {
            "fastest_maskrcnn_10_over_ours": _best(ms, "Mask R-CNN", 10) / ms["fastest 10"],
            "fastest_maskrcnn_100_over_ours": _best(ms, "Mask R-CNN", 100) / ms["fastest 100"],
            "ours_over_fastest_fcos": ms["fastest 10"] / _best(ms, "FCOS", 10),
        }
    return found


def growth(times: Mapping[str, Timing], mode: str) -> dict[str, float | list[float]]:
    """How latency grows with the number of instances, from the ratios of the single rounds.

    Counts of one round ran right after each other, so a slow spell of the machine leaves their
    ratio alone. Where the quartiles include 1 the noise is larger than the growth.

    Args:
        times: of one run, with its rounds.
        mode: `exact` or `fastest`.

    Returns:
        The median of the ratios and [first, third] quartile, of 100 and of 200 instances over 1.
    """
    one = np.array(times[f"{mode} 1"].rounds)
    found: dict[str, float | list[float]] = {}
    for count in (100, 200):
        by_round = np.array(times[f"{mode} {count}"].rounds) / one
        low, median, high = np.percentile(by_round, [25, 50, 75]).tolist()
        found[f"growth_{count}_over_1"] = median
        found[f"growth_{count}_over_1_quartiles"] = [low, high]
    return found


def _best(ms: Mapping[str, float], rival: str, count: int) -> float:
    """The trials were at 10 instances; at 100 another mode may be faster than their winner."""
    return min(ms[f"{rival} {count}"], ms[f"{rival} fastest {count}"])
