"""Names of categories: which can be one, and which of two data sets are the same thing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

# YouTube-VIS' (2019, 2021) and OVIS' names, as `plain_name` has them, to COCO's, where an
# object of COCO's category is one of ours, so that its labels may be taken over as well;
# a few are wider: cars that are no sedans, ducks among its birds. What is not here is looked for
# by its own name. Without a counterpart stay: ape, deer, duck, eagle, earless seal, fish,
# fox, frog, giant panda, hand, leopard, lizard, monkey, owl, parrot, poultry, rabbit, shark, snake,
# squirrel, tiger, turtle, whale, and mouse, which with COCO belongs to a computer.
COCO_NAMES = {
    "airplane": "airplane",
    "bear": "bear",
    "bicycle": "bicycle",
    "bird": "bird",
    "boat": "boat",
    "car": "car",
    "cat": "cat",
    "cow": "cow",
    "dog": "dog",
    "elephant": "elephant",
    "flying disc": "frisbee",
    "giraffe": "giraffe",
    "horse": "horse",
    "motorbike": "motorcycle",
    "motorcycle": "motorcycle",
    "person": "person",
    "sedan": "car",
    "sheep": "sheep",
    "skateboard": "skateboard",
    "snowboard": "snowboard",
    "surfboard": "surfboard",
    "tennis racket": "tennis racket",
    "train": "train",
    "truck": "truck",
    "vehicle": "car",
    "zebra": "zebra",
}
OTHER_THINGS = {"mouse"}  # of the same name
_ONLY_IN_COCO = {"potted plant", "hair drier"}


_UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, ends of lines and paragraphs


def is_name(name: str) -> bool:
    """Whether a category can be called so in every form: not blank, on one line, legal in XML."""
    return bool(name.strip()) and not any(
        character in "\ufffe\uffff" or unicodedata.category(character) in _UNPRINTED
        for character in name
    )


def check_names(names: Iterable[str]) -> None:
    """Checks that the categories of a data set can be told apart by name.

    Checkpoints, logs and results know categories by their names.

    Raises:
        ValueError: a name can be none, or is there twice; spaces around names do not count.
    """
    seen: set[str] = set()
    for name in names:
        if not is_name(name):
            raise ValueError(f"categories must have printable names, got {name!r}")
        if name.strip() in seen:
            raise ValueError(f"categories must have a name of their own each, got {name!r} twice")
        seen.add(name.strip())


def plain_name(name: str) -> str:
    """Small letters, spaces for underscores and hyphens: `Giant_panda` is `giant panda`."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def is_coco(names: Sequence[str]) -> bool:
    """Whether these are COCO's categories."""
    return set(map(plain_name, names)) >= _ONLY_IN_COCO


def matching_categories(own: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """Where each of our categories stands among another data set's.

    Names are compared by `plain_name`, those of COCO with any other set's by `COCO_NAMES` first.

    Args:
        own: names by class index.
        others: names by class index, or row of a class layer.

    Returns:
        An index for each own name; None without a counterpart. Of several, such as torchvision's
        N/A, the one in the same place, else the first.
    """
    theirs = {plain_name(name): index for index, name in reversed(list(enumerate(others)))}
    ours = [plain_name(name) for name in own]
    if is_coco(others) and not is_coco(own):
        return [theirs.get(_name_in_coco(name)) for name in ours]
    if is_coco(own) and not is_coco(others):
        by_coco = {_name_in_coco(name): i for name, i in theirs.items()}
        return [by_coco.get(name) for name in ours]
    same_place = [i < len(others) and plain_name(others[i]) == name for i, name in enumerate(ours)]
    return [i if same_place[i] else theirs.get(name) for i, name in enumerate(ours)]


def _name_in_coco(name: str) -> str:
    return "" if name in OTHER_THINGS else COCO_NAMES.get(name, name)
