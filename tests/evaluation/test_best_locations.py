from __future__ import annotations

import torch

from sgnet.evaluation.best_locations import best_locations
from sgnet.ops.locations import level_locations
from sgnet.structures import LocationGrid


def grid(*strides: int, size=(64, 96)) -> LocationGrid:
    points = [level_locations((size[0] // s, size[1] // s), s, 0.5) for s in strides]
    of_level = [torch.full((len(p),), float(s)) for p, s in zip(points, strides, strict=True)]
    return LocationGrid(torch.cat(points), torch.cat(of_level), tuple(map(len, points)))


def chosen(scores, places: LocationGrid, *boxes: tuple[float, ...]) -> list[tuple[float, ...]]:
    found = best_locations(scores, places, torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))
    return [tuple(point) for point in places.locations[found].tolist()]


def plain_loop(scores, places: LocationGrid, boxes) -> list[int]:
    """The rule of the docstring, one location at a time."""

    def reaches(box, point, stride) -> bool:
        x, y = point
        inside = box[0] < x < box[2] and box[1] < y < box[3]
        from_center = max(abs(x - (box[0] + box[2]) / 2), abs(y - (box[1] + box[3]) / 2))
        return inside and from_center < 1.5 * stride

    def area(box) -> float:
        return (box[2] - box[0]) * (box[3] - box[1])

    points, strides = places.locations.tolist(), places.strides.tolist()
    found = []
    for box in boxes:
        mine = [i for i, p in enumerate(points) if reaches(box, p, strides[i])]
        own = [
            i
            for i in mine
            if all(area(box) <= area(b) for b in boxes if reaches(b, points[i], strides[i]))
        ]
        if not mine:
            center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            far = [(p[0] - center[0]) ** 2 + (p[1] - center[1]) ** 2 for p in points]
            mine = [i for i, d in enumerate(far) if d == min(far)]
        candidates = own or mine
        found.append(max(candidates, key=lambda i: (scores[i], -i)))
    return found


def test_no_object_has_no_location():
    assert chosen(torch.zeros(96), grid(8)) == []


def test_the_best_score_outside_of_the_centre_region_does_not_count():
    places = grid(8)
    scores = (places.locations == torch.tensor([4.0, 4.0])).all(dim=1).float()  # in the corner
    scores += 0.5 * (places.locations == torch.tensor([36.0, 28.0])).all(dim=1)
    assert chosen(scores, places, (0, 0, 64, 64)) == [(36, 28)]


def test_a_location_that_a_smaller_object_has_is_not_the_larger_ones():
    places = grid(8)
    scores = (places.locations == torch.tensor([36.0, 36.0])).all(dim=1).float()
    small, large = chosen(scores, places, (32, 32, 40, 40), (0, 0, 64, 64))
    assert small == (36, 36)
    assert large != (36, 36)


def test_an_object_between_locations_takes_the_closest():
    assert chosen(torch.zeros(96), grid(8), (9, 9, 11, 11)) == [(12, 12)]


def test_choices_are_those_of_a_plain_loop():
    random = torch.Generator().manual_seed(0)
    places = grid(8, 16, 32)
    for _ in range(20):
        corners = torch.rand(6, 2, generator=random) * torch.tensor([80.0, 50.0])
        boxes = torch.cat([corners, corners + 1 + 40 * torch.rand(6, 2, generator=random)], dim=1)
        scores = torch.rand(len(places.locations), generator=random)
        expected = plain_loop(scores.tolist(), places, boxes.tolist())
        assert best_locations(scores, places, boxes).tolist() == expected
