"""Categories of other data sets found by name."""

from __future__ import annotations

import pytest
from torchvision.models.detection import FCOS_ResNet50_FPN_Weights

from sgnet.data.annotations.category_names import COCO_NAMES, check_names, matching_categories

COCO = FCOS_ResNet50_FPN_Weights.COCO_V1.meta["categories"]


def words(text):
    return text.split()


# names by id, as the annotation files of the data sets have them
YTVIS_2019 = words(
    "person giant_panda lizard parrot skateboard sedan ape dog snake monkey hand rabbit duck cat "
    "cow fish train horse turtle bear motorbike giraffe leopard fox deer owl surfboard airplane "
    "truck zebra tiger elephant snowboard boat shark mouse frog eagle earless_seal tennis_racket"
)
YTVIS_2021 = words(
    "airplane bear bird boat car cat cow deer dog duck earless_seal elephant fish flying_disc fox "
    "frog giant_panda giraffe horse leopard lizard monkey motorbike mouse parrot person rabbit "
    "shark skateboard snake snowboard squirrel surfboard tennis_racket tiger train truck turtle "
    "whale zebra"
)


def test_no_names_are_fine() -> None:
    check_names([])


@pytest.mark.parametrize("names", [["a", "b", "a"], ["a", " a"], [""], [" "], ["a\tb"], ["\ud800"]])
def test_names_that_nothing_can_be_called_by_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="categories must have"):
        check_names(names)


@pytest.mark.parametrize(
    "names", [["Bear", "bear"], ["größer", "a b", "a-b", "猫", "no\u00a0break"]]
)
def test_names_that_differ_are_kept_apart(names: list[str]) -> None:
    check_names(names)


def test_no_category_finds_none():
    assert matching_categories([], COCO) == []
    assert matching_categories(["cat"], []) == [None]


@pytest.mark.parametrize(
    ("own", "matched"),
    [
        (
            YTVIS_2019,
            "person skateboard sedan dog cat cow train horse bear motorbike giraffe surfboard "
            "airplane truck zebra elephant snowboard boat tennis_racket",
        ),
        (
            YTVIS_2021,
            "airplane bear bird boat car cat cow dog elephant flying_disc giraffe horse motorbike "
            "person skateboard snowboard surfboard tennis_racket train truck zebra",
        ),
    ],
)
def test_youtube_vis_finds_its_half_of_coco(own, matched):
    assert len(own) == 40
    found = matching_categories(own, COCO)
    assert [n for n, i in zip(own, found, strict=True) if i is not None] == matched.split()
    renamed = {"sedan": "car", "motorbike": "motorcycle", "flying_disc": "frisbee"}
    for name, index in zip(own, found, strict=True):
        if index is not None:
            assert COCO[index] == renamed.get(name, name.replace("_", " "))


def test_the_mouse_of_a_computer_is_no_animal():
    assert matching_categories(["mouse"], COCO) == [None]
    assert matching_categories(["mouse"], ["rat", "mouse"]) == [1]
    assert matching_categories(COCO, COCO)[COCO.index("mouse")] == COCO.index("mouse")


def test_categories_of_other_sets_are_found_by_their_own_names():
    found = matching_categories(["bottle", "bus", "Hair_drier", "gadget"], COCO)
    assert found == [COCO.index("bottle"), COCO.index("bus"), COCO.index("hair drier"), None]
    assert matching_categories(COCO, ["bottle"])[COCO.index("bottle")] == 0


def test_coco_finds_what_it_has_of_youtube_vis():
    found = matching_categories(COCO, YTVIS_2019)
    assert YTVIS_2019[found[COCO.index("car")]] == "sedan"
    assert found[COCO.index("mouse")] is None
    assert sum(index is not None for index in found) == 19


def test_the_table_names_categories_that_coco_has():
    assert set(COCO_NAMES.values()) <= set(COCO)


def test_ways_of_writing_do_not_matter():
    assert matching_categories(["Giant_panda", "tennis racket"], ["tennis-racket", "giant panda"])
    found = matching_categories(["Giant_panda", "tennis racket"], ["tennis-racket", "giant panda"])
    assert found == [1, 0]


def test_names_that_repeat_stay_in_their_places():
    assert matching_categories(COCO, COCO) == list(range(len(COCO)))
    assert matching_categories(["b", "a"], ["a", "a"]) == [None, 1]
