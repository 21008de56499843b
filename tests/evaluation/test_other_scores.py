from __future__ import annotations

import torch

from sgnet.evaluation.other_scores import OtherScores


def scores(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None].expand(-1, 2)


def test_without_another_object_there_are_no_other_scores():
    others = OtherScores(0)
    assert others.draw([], torch.zeros(0, 2))[1] == []
    own, has_other = others.draw(["a"], scores(1))
    assert has_other == [False]
    assert own.tolist() == [[1, 1]]
    assert others.draw(["a"], scores(2))[1] == [False]  # the same object in the next frame


def test_two_objects_of_a_frame_get_each_others_scores():
    drawn, has_other = OtherScores(0).draw(["a", "b"], scores(1, 2))
    assert has_other == [True, True]
    assert drawn.tolist() == [[2, 2], [1, 1]]


def test_others_are_drawn_from_earlier_frames_too_and_never_of_the_object_itself():
    others = OtherScores(0)
    for frame in range(50):
        names = ["a", "b", "c"] if frame % 2 else ["a"]
        values = [1.0, 2.0, 3.0][: len(names)]
        drawn, _ = others.draw(names, scores(*values))
        if frame > 1:
            assert all(d != v for d, v in zip(drawn[:, 0].tolist(), values, strict=True))
    assert others.draw(["d"], scores(9))[0][0, 0] in (1, 2, 3)


def test_draws_hang_on_the_seed():
    def run(seed: int) -> list[float]:
        others = OtherScores(seed)
        return [
            v for _ in range(9) for v in others.draw("abcd", scores(1, 2, 3, 4))[0][:, 0].tolist()
        ]

    assert run(3) == run(3) != run(4)


def test_memory_ends_at_the_capacity():
    others = OtherScores(0, capacity=2)
    others.draw(["a", "b"], scores(1, 2))
    for _ in range(20):
        assert others.draw(["c"], scores(3))[0][0, 0] in (2, 3)
