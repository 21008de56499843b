"""What a network took over from weights, and what not."""

from __future__ import annotations

from dataclasses import dataclass

DEPTH = 2  # parts of a name that make a line of the table, such as mask_head.base_masks


@dataclass(frozen=True)
class LoadReport:
    """The outcome of loading.

    Attributes:
        source: what was loaded.
        sizes: numbers in each of the network's tensors, by name.
        loaded: names of the network's tensors that were filled, class rows included.
        skipped: the source's tensors without a place, and why.
        class_rows: for each category its name in the source, None where it starts anew; empty where
            no class layer was loaded row by row.
        location_offset: that the weights were trained with; None where they know none.
    """

    source: str
    sizes: dict[str, int]
    loaded: tuple[str, ...]
    skipped: dict[str, str]
    class_rows: dict[str, str | None]
    location_offset: float | None = None

    @property
    def initialised(self) -> tuple[str, ...]:
        """Names of the network's tensors that start as they were."""
        loaded = set(self.loaded)
        return tuple(name for name in self.sizes if name not in loaded)

    def table(self) -> str:
        """Lines for each part of the network, then what was skipped and which categories match."""
        parts: dict[str, list[str]] = {}
        for name in self.sizes:
            parts.setdefault(".".join(name.split(".")[:DEPTH]), []).append(name)
        taken = set(self.loaded)
        rows = []
        for part, names in parts.items():
            numbers = [sum(self.sizes[n] for n in names if (n in taken) == kept) for kept in (1, 0)]
            rows.append((part, *(f"{number / 1e6:.2f}" for number in numbers)))
        width = max(len(row[0]) for row in rows)
        lines = [f"{self.source}, millions of numbers", f"{'':{width}}   loaded  initialised"]
        lines += [f"{part:{width}} {loaded:>8} {new:>12}" for part, loaded, new in rows]
        return "\n".join([*lines, *self._skipped_lines(), *self._category_lines()])

    def _skipped_lines(self) -> list[str]:
        reasons: dict[str, list[str]] = {}
        for name, reason in self.skipped.items():
            reasons.setdefault(reason, []).append(name)
        return [
            f"skipped, {reason}: {', '.join(names[:4])}"
            + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            for reason, names in reasons.items()
        ]

    def _category_lines(self) -> list[str]:
        if not self.class_rows:
            return []
        taken = [
            own if own == theirs else f"{own} from {theirs}"
            for own, theirs in self.class_rows.items()
            if theirs is not None
        ]
        new = [own for own, theirs in self.class_rows.items() if theirs is None]
        return [
            f"categories taken: {', '.join(taken) or 'none'}",
            f"categories that start anew: {', '.join(new) or 'none'}",
        ]
