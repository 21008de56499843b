"""A check as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sgnet.data_check.check import Check
from sgnet.data_check.figures import as_json
from sgnet.data_check.findings import SEVERITIES, Severity
from sgnet.data_check.plots import plot_figures
from sgnet.files.atomic_file import atomic_path, write_json
from sgnet.files.earlier_files import nothing_earlier
from sgnet.files.outputs import check_outputs, has_fields

REPORT_FILES = ("report.json", "report.md", "report.png")
FIELDS = ("file", "form", "counts", "figures", "findings")  # of report.json
SHOWN = 20  # findings of a kind in the Markdown
LAST_CATEGORIES = 100
SPREADS = {
    "lengths": ("frames of a video", "{:.0f}"),
    "objects_per_frame": ("objects of a frame", "{:.1f}"),
    "box_sides": ("box size, pixels (square root of its area)", "{:.1f}"),
    "box_shares": ("box, share of the frame", "{:.2%}"),
    "motions": ("motion, pixels a frame", "{:.2f}"),
    "motion_shares": ("motion, share of the diagonal", "{:.2%}"),
    "gaps_per_track": ("gaps of a track", "{:.1f}"),
}
SHARES = {
    "frames_without_objects": "frames without any object",
    "may_be_occluded": "objects that may be occluded",
    "hidden": "- hidden: not visible between their first and last frame",
    "covered": "- covered: another box covers a tenth of theirs or more",
    "overlapping_masks": "objects whose mask shares pixels with another",
}
NOTE = (
    "An object is a track in a frame in which its mask has a pixel. Motion is that of the box's "
    "centre from one annotated frame to the next. `hidden` and `covered` are hints, not labels: a "
    "covered object may be the one in front. Crowds are left out of motion, occlusion and gaps."
)


def write_report(check: Check, folder: Path) -> str:
    """Writes report.md, report.json and, where there are figures, report.png.

    Without figures that of an earlier check is removed.

    Args:
        check: of a data set.
        folder: to write to.

    Returns:
        The Markdown.

    Raises:
        ValueError: a file of that name is there that is none of an earlier check, or is checked.
        OSError: the folder cannot be written.
    """
    check_report(folder, [Path(check.file)])
    text = report_markdown(check)
    with nothing_earlier([folder / name for name in REPORT_FILES]):
        # first: it marks the others as ours
        write_json(report_json(check), folder / "report.json")
        with atomic_path(folder / "report.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        if check.figures is not None:
            plot_figures(check.figures, folder / "report.png")
    return text


def check_report(folder: Path, inputs: Sequence[Path]) -> None:
    """Whether a report may go there: into a folder without one, or in place of an earlier one.

    Raises:
        ValueError: a file of that name is there that is none of an earlier check, or is an input.
    """
    ours = has_fields(folder / "report.json", FIELDS)
    check_outputs([folder / name for name in REPORT_FILES], inputs, lambda _: ours)


def report_json(check: Check) -> dict[str, object]:
    """Counts, figures and all findings."""
    return {
        "file": check.file,
        "form": _form(check),
        "counts": {severity: check.findings.count(severity) for severity in SEVERITIES},
        "figures": None if check.figures is None else as_json(check.figures),
        "findings": [finding.as_json() for finding in check.findings.found],
    }


def report_markdown(check: Check) -> str:
    """The report to read; of each kind of finding the first 20."""
    lines = [f"# {check.file}", "", f"Form: {_form(check)}. {_verdict(check)}", ""]
    if check.figures is not None:
        lines += [*_holdings(as_json(check.figures)), "", NOTE, ""]
    for severity in SEVERITIES:
        lines += _findings(check, severity)
    return "\n".join(lines).rstrip() + "\n"


def _form(check: Check) -> str:
    if check.read is None:
        return "unreadable"
    return "COCO stills, read as videos of one frame" if check.read.stills else "YouTube-VIS"


def _verdict(check: Check) -> str:
    counts = [
        f"{check.findings.count(s)} {s}{'' if check.findings.count(s) == 1 else 's'}"
        for s in SEVERITIES
    ]
    return ", ".join(counts) + "."


def _holdings(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "| what | |"
    yield "|---|---|"
    for name in ("videos", "frames", "tracks", "crowds", "objects"):
        yield f"| {name} | {figures[name]} |"
    sizes = [f"{size} ({count})" for size, count in figures["frame_sizes"].items()]
    yield f"| frame sizes (videos) | {_first(sizes, 6)} |"
    for name, text in SHARES.items():
        yield f"| {text} | {'' if figures[name] is None else f'{figures[name]:.1%}'} |"
    yield f"| tracks with gaps | {figures['tracks_with_gaps']} |"
    yield f"| tracks of a single frame, in longer videos | {figures['tracks_of_one_frame']} |"
    yield ""
    yield "| distribution | min | 5 % | median | mean | 95 % | max |"
    yield "|---|---|---|---|---|---|---|"
    for name, (text, form) in SPREADS.items():
        if figures[name] is not None:
            cells = " | ".join(form.format(value) for value in figures[name].values())
            yield f"| {text} | {cells} |"
    yield ""
    yield "| category | videos | tracks | objects |"
    yield "|---|---|---|---|"
    categories = sorted(figures["categories"].values(), key=lambda c: -c["tracks"])
    for row in categories[:LAST_CATEGORIES]:
        yield f"| {row['name']} | {row['videos']} | {row['tracks']} | {row['objects']} |"
    if len(categories) > LAST_CATEGORIES:
        yield f"| and {len(categories) - LAST_CATEGORIES} more | | | |"


def _findings(check: Check, severity: Severity) -> Iterator[str]:
    for kind, found in check.findings.by_kind(severity).items():
        yield f"## {severity}: {kind} ({len(found)})"
        yield ""
        for finding in found[:SHOWN]:
            place = "" if finding.file == check.file else f"{finding.file}: "
            entry = f"{finding.entry}: " if finding.entry else ""
            yield f"- {place}{entry}{finding.problem}"
        if len(found) > SHOWN:
            yield f"- and {len(found) - SHOWN} more, all in report.json"
        yield ""


def _first(texts: list[str], count: int) -> str:
    rest = len(texts) - count
    return ", ".join(texts[:count]) + (f" and {rest} more" if rest > 0 else "")
