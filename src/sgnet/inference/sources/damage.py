"""Frames of a video that are damaged, or lost before its end."""

from __future__ import annotations

import logging
from collections import Counter

REGULAR = 0.9  # share of equal intervals that makes a clock a regular one
LOST = 1.5  # intervals; a longer one of a regular clock lacks frames
FEWEST = 8  # frames, of which a clock is known
MOST_KINDS = 1000  # of intervals that are counted; more are no regular clock
log = logging.getLogger(__name__)


class Damage:
    """What a file's frames tell about those that are missing among them.

    FFmpeg conceals damage: it patches frames, or leaves them out and reads on. Labels and results
    that count frames then mean other ones.

    Attributes:
        frames: damaged ones so far.
        packets: of the file, damaged or behind a gap, so far.
        hidden: frames so far that the file itself does not show, as a list of edits says.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.packets = 0
        self.hidden = 0
        self._count = 0
        self._last: float | None = None
        self._intervals: Counter[float] = Counter()

    def add(self, seconds: float | None, corrupt: bool) -> None:
        """Takes the next frame.

        Args:
            seconds: as its file says; None where it says nothing.
            corrupt: the decoder says that it is damaged.
        """
        self._count += 1
        self.frames += corrupt
        if seconds is not None and self._last is not None and len(self._intervals) < MOST_KINDS:
            self._intervals[round(seconds - self._last, 3)] += 1
        self._last = seconds

    def lost(self) -> int:
        """Frames that a regular clock has room for between those that came; else 0."""
        total = sum(self._intervals.values())
        if total < FEWEST:
            return 0
        usual, _ = self._intervals.most_common(1)[0]
        alike = sum(n for step, n in self._intervals.items() if abs(step - usual) <= 0.1 * usual)
        if usual <= 0 or alike < REGULAR * total:
            return 0
        gaps = ((step, n) for step, n in self._intervals.items() if step > LOST * usual)
        return sum(n * (round(step / usual) - 1) for step, n in gaps)

    def findings(self, declared: int | None, missing: str | None = None) -> list[str]:
        """What there is to say, in words.

        Args:
            declared: frames that the file says it has, None where it says nothing.
            missing: what else it declares that did not come, such as "1.2 seconds".
        """
        lost = self.lost()
        fewer = declared is not None and self._count + self.hidden < declared
        said = {
            f"damaged frames: {self.frames}": self.frames > 0,
            f"damaged packets, or ones behind a gap: {self.packets}": self.packets > 0,
            f"{self._count} frames of {declared} that it declares": fewer,
            f"frames missing between the others: about {lost}": lost > 0 and not fewer,
            f"{missing} of its length missing": missing is not None,
        }
        return [text for text, holds in said.items() if holds]

    def say(self, name: str, declared: int | None = None, missing: str | None = None) -> None:
        """One warning with all of it, where there is something."""
        findings = self.findings(declared, missing)
        if findings:
            log.warning(
                "%s: expected a whole video, got %s; frames are numbered as they came",
                name,
                ", ".join(findings),
            )
