"""The figures that targets are set for, from what was timed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.timing import Timing


def ratios(times: Mapping[str, Timing | None], mode: str) -> dict[str, float | None]:
    """The figures that targets are set for; above 1 is faster than Mask R-CNN, below 1 than FCOS.

    Args:
        times: of one run; what failed is None or missing, and so are its ratios None.
        mode: `exact` or `fastest`; the latter is also compared with the fastest that each rival was
            measured to be at that count, be it the mode of its trial or the eager one.

    Returns:
        {} without rivals.
    """
    ms = {name: timing.median for name, timing in times.items() if timing is not None}
    if not any(name.startswith(("Mask R-CNN", "FCOS")) for name in times):
        return {}
    ours = {count: ms.get(f"{mode} {count}") for count in (10, 100)}
    found = {
        "maskrcnn_10_over_ours": _ratio(ms.get("Mask R-CNN 10"), ours[10]),
        "maskrcnn_100_over_ours": _ratio(ms.get("Mask R-CNN 100"), ours[100]),
        "ours_over_fcos": _ratio(ours[10], ms.get("FCOS 10")),
    }
    if mode == "fastest":
        found |= {
            "fastest_maskrcnn_10_over_ours": _ratio(_best(ms, "Mask R-CNN", 10), ours[10]),
            "fastest_maskrcnn_100_over_ours": _ratio(_best(ms, "Mask R-CNN", 100), ours[100]),
            "ours_over_fastest_fcos": _ratio(ours[10], _best(ms, "FCOS", 10)),
        }
    return found


def growth(times: Mapping[str, Timing | None], mode: str) -> dict[str, float | list[float] | None]:
    """How latency grows with the number of instances, from the ratios of the single rounds.

    Counts of one round ran right after each other, so a slow spell of the machine leaves their
    ratio alone. Where the quartiles include 1 the noise is larger than the growth.

    Args:
        times: of one run, with its rounds; what failed is None or missing.
        mode: `exact` or `fastest`.

    Returns:
        The median of the ratios and [first, third] quartile, of 100 and of 200 instances over 1.
    """
    one = times.get(f"{mode} 1")
    found: dict[str, float | list[float] | None] = {}
    for count in (100, 200):
        name, many = f"growth_{count}_over_1", times.get(f"{mode} {count}")
        if one is None or many is None:
            found |= {name: None, f"{name}_quartiles": None}
            continue
        by_round = np.array(many.rounds) / np.array(one.rounds)
        low, median, high = np.percentile(by_round, [25, 50, 75]).tolist()
        found |= {name: median, f"{name}_quartiles": [low, high]}
    return found


def _best(ms: Mapping[str, float], rival: str, count: int) -> float | None:
    """The trials were at 10 instances; at 100 another mode may be faster than their winner."""
    names = (f"{rival} {count}", f"{rival} fastest {count}")
    return min((ms[name] for name in names if name in ms), default=None)


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below
