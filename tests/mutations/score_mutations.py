"""Spoils a good pair of annotations and results in thousands of ways and scores what comes out.

    python tests/mutations/score_mutations.py                  10,000 of seed 0, about two minutes
    python tests/mutations/score_mutations.py --count 300 --seed 7

With seed 0 9,382 are refused and 618 scored, within 180 MB (most of it the compiler).

Every pair has to be refused with a message that names its file, or scored as a slow metric scores
it that shares no code with ours: dense masks and plain loops. Anything else, another exception, ten
seconds for one pair or a gigabyte of memory in all, ends with status 1 and the pairs beside the
message. Each is read twice, the second time as large results files are, entry by entry: what comes
of it must be the same. (Of two defects the message may name the other.)
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from pycocotools import mask as coco_mask

from sgnet.commands.score import ScoreSettings, score
from sgnet.evaluation import scored_results

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("gt.json", "results.json")
CASES = ("absent_categories", "score_ties")  # small ones, with crowds, ties, absent frames
SECONDS, MEGABYTES = 10, 1024
ODD: tuple[Any, ...] = (
    *(None, True, False, "", "text", "7", [], {}, [[]], {"a": 1}, -1, 0, 1, 1.0, 2.5, 10**6),
    *(2**31, 2**53 + 1, 2**63, 10**30, 1e308, -1e-300, float("nan"), float("inf"), "\ud800"),
    *([1] * 50, [[0, 0, 5, 0, 5, 5]], {"size": [2, 2], "counts": "4"}),
)

Json = Any
Place = tuple[Json, Any]  # of a value: what holds it, and its key there


def places(node: Json) -> Iterator[Place]:
    """All values below a node."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


def strings(node: Json) -> list[Place]:
    """Run-length strings below a node."""
    return [(holder, key) for holder, key in places(node) if key == "counts" and holder[key]]


def spoil_value(node: Json, chance: random.Random) -> str:
    """Another value, none, a copy of a neighbour or a second time the same."""
    holder, key = chance.choice(list(places(node)))
    kind = chance.choice(("replace", "remove", "repeat", "swap", "nest"))
    if kind == "replace":
        holder[key] = copy.deepcopy(chance.choice(ODD))
    elif kind == "remove":
        del holder[key]
    elif kind == "repeat" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == "swap":
        other, name = chance.choice(list(places(node)))
        holder[key] = copy.deepcopy(other[name])
    else:
        holder[key] = [holder[key]]
    return kind


def spoil_number(node: Json, chance: random.Random) -> str:
    """A number a little or far off."""
    found = [(h, k) for h, k in places(node) if isinstance(h[k], int | float)]
    if not found:
        return spoil_value(node, chance)
    holder, key = chance.choice(found)
    change = chance.choice((1, -1, 0.5, 100, -(10**9), 2**40))
    holder[key] = holder[key] + change
    return "number"


def spoil_string(node: Json, chance: random.Random) -> str:
    """Run lengths cut, flipped, lengthened or mixed."""
    found = [(h, k) for h, k in strings(node) if isinstance(h[k], str)]
    if not found:
        return spoil_value(node, chance)
    holder, key = chance.choice(found)
    letters = list(holder[key])
    place = chance.randrange(len(letters))
    kind = chance.choice(("cut", "flip", "insert", "reverse", "double", "foreign"))
    if kind == "cut":
        letters = letters[:place]
    elif kind == "flip":
        letters[place] = chr(chance.randrange(48, 112))
    elif kind == "insert":
        letters.insert(place, chr(chance.randrange(48, 112)))
    elif kind == "reverse":
        letters.reverse()
    elif kind == "double":
        letters *= 2
    else:
        letters[place] = chance.choice("é\x00p/~ ")
    holder[key] = "".join(letters)
    return f"string {kind}"


def spoil_bytes(raw: bytes, chance: random.Random) -> bytes:
    """A file cut, or with some bytes flipped, removed or added."""
    kind = chance.choice(("cut", "flip", "remove", "add"))
    place = chance.randrange(len(raw))
    if kind == "cut":
        return raw[:place]
    if kind == "remove":
        return raw[:place] + raw[place + chance.randrange(1, 5) :]
    if kind == "add":
        return raw[:place] + bytes(chance.randrange(256) for _ in range(3)) + raw[place:]
    changed = bytearray(raw)
    for _ in range(chance.randrange(1, 4)):
        changed[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(changed)


SPOILERS = {"value": spoil_value, "number": spoil_number, "string": spoil_string}


def spoilt_pair(folder: Path, chance: random.Random) -> str:
    """Writes a spoilt pair and says how."""
    case = GOLDEN / chance.choice(CASES)
    raws = {name: (case / name).read_bytes() for name in NAMES}
    name = chance.choice(NAMES)
    kind = chance.choice((*SPOILERS, *SPOILERS, "bytes"))
    if kind == "bytes":
        raws[name] = spoil_bytes(raws[name], chance)
    else:
        document = json.loads(raws[name])
        for _ in range(chance.choice((1, 1, 2))):
            if document:  # all of it may be gone by now
                SPOILERS[kind](document, chance)
        raws[name] = json.dumps(document).encode()
    for file, raw in raws.items():
        (folder / file).write_bytes(raw)
    return f"{kind} of {name}"


def slow_ap(annotations: Path, results: Path) -> float:
    """AP over all categories with dense masks and plain loops; -1 where nothing is annotated."""
    truth, found = (json.loads(path.read_bytes()) for path in (annotations, results))
    sizes = {int(v["id"]): (int(v["height"]), int(v["width"])) for v in truth["videos"]}
    numbers = sorted(int(category["id"]) for category in truth["categories"])
    values = []
    for number in numbers:
        pairs = []
        for video, size in sorted(sizes.items()):
            mine = [
                [one for one in tracks if (one["video_id"], one["category_id"]) == (video, number)]
                for tracks in (truth["annotations"], found)
            ]
            pairs.append(_of_video(*mine, size))
        if sum(objects for _, objects in pairs):
            values += [_precision(pairs, threshold) for threshold in np.linspace(0.5, 0.95, 10)]
    return float(np.mean(values)) if values else -1.0


def _of_video(objects: list[Json], tracks: list[Json], size: tuple[int, int]) -> Json:
    """(score, IoUs with each object, their kinds) of the best hundred tracks; regular objects."""
    ranked = sorted(tracks, key=lambda one: -float(one["score"]))[:100]
    true = [(_dense(one["segmentations"], size), _ignored(one, size)) for one in objects]
    rows = []
    for one in ranked:
        mask = _dense(one["segmentations"], size)
        ious = []
        for other, _ in true:
            union = (mask | other).sum()
            ious.append((mask & other).sum() / union if union else 0.0)
        rows.append((float(one["score"]), ious))
    crowds = [bool(one.get("iscrowd")) for one in objects]
    kinds = [ignored for _, ignored in true]
    return (rows, crowds, kinds), kinds.count(False)


def _ignored(one: Json, size: tuple[int, int]) -> bool:
    """Crowds, and objects beyond the metric's largest area."""
    given = one.get("areas")
    if given is None:
        given = _dense(one["segmentations"], size).sum(axis=(1, 2)).tolist()
    known = [float(area) for area in given if area]
    return bool(one.get("iscrowd")) or bool(known and np.mean(known) > 1e10)


def _precision(pairs: Json, threshold: float) -> float:
    """Mean precision at the 101 recall points."""
    ranked, annotated = [], 0
    for (rows, crowds, ignored), count in pairs:
        annotated += count
        taken: set[int] = set()
        for score_, ious in rows:
            best = None
            for part in (False, True):  # regular objects before ignored ones
                for index, iou in enumerate(ious):
                    free = index not in taken or crowds[index]
                    least = min(threshold, 1 - 1e-10) if best is None else ious[best]
                    if ignored[index] == part and free and iou >= least:
                        best = index
                if best is not None:
                    break
            if best is not None:
                taken.add(best)
            if best is None or not ignored[best]:
                ranked.append((score_, best is not None))
    ranked.sort(key=lambda one: -one[0])
    points, hits = [], 0
    for place, (_, right) in enumerate(ranked, start=1):
        hits += right
        points.append((hits / annotated, hits / (place + np.spacing(1))))
    total = 0.0
    for point in np.linspace(0, 1, 101):
        total += max((precision for recall, precision in points if recall >= point), default=0.0)
    return total / 101


def _dense(track: list[Json], size: tuple[int, int]) -> np.ndarray:
    """[frames, height, width] booleans."""
    frames = np.zeros((len(track), *size), dtype=bool)
    for frame, value in zip(frames, track, strict=True):
        if value not in (None, {}, []):
            frame[:] = _mask(value, size)
    return frames


def _mask(value: Json, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    if isinstance(value, list):  # polygons: how COCO fills them is COCO's own
        filled = coco_mask.frPyObjects([[float(x) for x in part] for part in value], *size)
        return coco_mask.decode(coco_mask.merge(filled)).astype(bool)
    counts = value["counts"]
    runs = _decoded(counts) if isinstance(counts, str) else [int(run) for run in counts]
    flat = [pixel for place, run in enumerate(runs) for pixel in [place % 2 == 1] * run]
    return np.array(flat, dtype=bool).reshape(width, height).T


def _decoded(text: str) -> list[int]:
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            group = ord(text[place]) - 48
            value |= (group & 31) << shift
            more = group >= 32
            shift += 5
            place += 1
            if not more and group & 16:
                value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


def outcome(folder: Path) -> str:
    """Whether a pair is `refused` or `scored`.

    Raises:
        ValueError: the message names no file, figures were written all the same, AP is another, or
            the pair fares otherwise where the results file is read as large ones are.
    """
    paths = [folder / name for name in NAMES]
    refusal, scores = _scored(paths, scored_results.LARGE)
    other_refusal, other_scores = _scored(paths, 0)
    if (bool(refusal), scores) != (bool(other_refusal), other_scores):
        raise ValueError(f"read as a large file: {other_refusal or other_scores}, else {refusal}")
    if refusal:
        for message in (refusal, other_refusal):
            if not any(str(path) in message for path in paths):
                raise ValueError(f"no file is named: {message}")
        if scores:
            raise ValueError("refused, and yet figures were written")
        return "refused"
    found = json.loads(scores)["stats"]["AP"]
    expected = slow_ap(*paths)
    if not abs(found - expected) < 1e-9:
        raise ValueError(f"AP {found}, slow metric {expected}")
    return "scored"


def _scored(paths: list[Path], large: int) -> tuple[str, str]:
    """The refusal of a pair, empty without, and the figures that were written.

    Args:
        paths: of the pair.
        large: bytes from which on results files are read entry by entry.
    """
    output = paths[0].parent / "scores.json"
    output.unlink(missing_ok=True)
    refusal = ""
    with warnings.catch_warnings(), mock.patch.object(scored_results, "LARGE", large):
        warnings.simplefilter("ignore")
        try:
            score(ScoreSettings(*paths, output=output))
        except ValueError as error:
            refusal = str(error)
    return refusal, output.read_text() if output.exists() else ""


def failure_of(folder: Path, seed: int, number: int, outcomes: Counter[str]) -> str:
    """Makes a pair in a folder and tries it; text where it goes wrong.

    Args:
        folder: for the pair.
        seed: of all pairs.
        number: of this one.
        outcomes: gets its kind and what became of it.
    """
    kind = spoilt_pair(folder, random.Random(f"{seed}-{number}"))
    try:
        outcomes[f"{kind}: {outcome(folder)}"] += 1
    except Exception as error:  # whatever it is, the next pair is tried
        return f"{number} ({kind}): {type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Runs them all and says how many were refused and scored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("failed_mutations"))
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    before = _megabytes()
    outcomes: Counter[str] = Counter()
    failures = 0
    for number in range(options.count):
        with tempfile.TemporaryDirectory() as name:
            signal.alarm(SECONDS)
            failure = failure_of(Path(name), options.seed, number, outcomes)
            signal.alarm(0)
            if failure:
                failures += 1
                shutil.copytree(name, options.keep / str(number), dirs_exist_ok=True)
                sys.stdout.write(failure + "\n")
    grown = _megabytes() - before
    for kind, count in sorted(outcomes.items()):
        sys.stdout.write(f"{count:>7}  {kind}\n")
    sys.stdout.write(f"{failures} of {options.count} fail; {grown:.0f} MB at the peak\n")
    raise SystemExit(failures > 0 or grown > MEGABYTES)


def _late(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
