"""Two processes against one: the same weights, the same figures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from builders import make_targets, tiny_criterion, tiny_model, tiny_run
from golden_case import Case
from torch.nn.parallel import DistributedDataParallel

from sgnet.data.loading.video_chunks import video_shares
from sgnet.evaluation.average_precision import evaluate
from sgnet.records import ResultTrack, Video
from sgnet.structures import ClipPairBatch
from sgnet.training.distributed import gathered, merged_tracks
from sgnet.training.lightning_module import pair_losses

ROOT = Path(__file__).parents[2]
TWO = (
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.precision=32-true",
    "trainer.benchmark=false",
)


def train(folder: Path, *overrides: str) -> None:
    command = [sys.executable, str(ROOT / "train.py"), *tiny_run(folder, *overrides)]
    done = subprocess.run(
        [*command, f"hydra.run.dir={folder}/run"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]


def figures(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "run/metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/AP"]]
    return [tuple(row[f"val/{n}"] for n in ("AP", "AP50", "AR10")) for row in rows]


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory):
    """Folders of the same run in one process that accumulates two batches, and in two processes."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    common = (
        "inference.decoder.score_threshold=0.0",
        "data.batch_size=4",
        "trainer.max_epochs=2",
        "trainer.limit_val_batches=1.0",
    )
    train(one, *common, "trainer.accumulate_grad_batches=2")
    (two / "data").symlink_to(one / "data")
    train(two, *common, *TWO)
    return one, two


def test_two_processes_train_as_one_that_accumulates_two_batches(one_and_two):
    one, two = map(weights, one_and_two)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-5, rtol=1e-4, msg=name)


def test_two_processes_score_as_one_to_the_last_digit(one_and_two):
    one, two = map(figures, one_and_two)
    assert len(one) == 2
    assert one == two


def in_two_processes(function: str, folder: Path) -> None:
    """Runs a function of this file with rank and folder in two processes that know each other."""
    call = f"""
import sys
sys.path.append({str(ROOT / "tests")!r})
import torch.distributed as dist
import test_distributed as here
dist.init_process_group("gloo", init_method="file://{folder}/meet", rank={{rank}}, world_size=2)
here.{function}({{rank}}, here.Path({str(folder)!r}))
dist.destroy_process_group()
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", call.format(rank=rank)], cwd=Path(__file__).parent)
        for rank in (0, 1)
    ]
    assert [process.wait(120) for process in processes] == [0, 0]


class PairLoss(torch.nn.Module):
    """The summed loss, as what processes share the gradients of."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.criterion = tiny_model(), tiny_criterion()

    def forward(self, batch: ClipPairBatch) -> torch.Tensor:
        return pair_losses(self.model, self.criterion, batch, False, (0,)).total


def train_without_objects(rank: int, output: Path) -> None:
    """One of two processes; the first one's frames are empty."""
    torch.manual_seed(0)
    loss = DistributedDataParallel(PairLoss())
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    targets = make_targets([[], []] if rank == 0 else [[(4, 4, 40, 40)], [(10, 20, 90, 60)]])
    for _ in range(2):
        loss(ClipPairBatch(images, images.flip(0), targets, targets, ("a", "b"))).backward()
    norms = [float(p.grad.norm()) for p in loss.parameters()]
    (output / f"{rank}.json").write_text(json.dumps(norms))


def test_a_process_without_any_object_does_not_hold_the_others_up(tmp_path):
    in_two_processes("train_without_objects", tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert sum(norm > 0 for norm in first) > len(first) / 2


def score_share(rank: int, output: Path) -> None:
    """One of two processes: gathers the results of a golden case, of which it has its videos'."""
    case = Case("basic_mixed")
    share = {video.id for video in video_shares(case.videos, 2)[rank]}
    mine = [track for track in case.results if track.video_id in share]
    _, results = merged_tracks(gathered((share, mine)))
    metrics = evaluate(case.videos, case.categories, case.ground_truth, results)
    (output / f"{rank}.json").write_text(json.dumps(metrics.as_json()))


def test_gathered_results_have_the_figures_of_the_official_code(tmp_path):
    in_two_processes("score_share", tmp_path)
    ours = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    case = Case("basic_mixed")
    whole = evaluate(case.videos, case.categories, case.ground_truth, case.results).as_json()
    assert ours[0] == ours[1] == json.loads(json.dumps(whole))
    assert ours[0]["stats"] == pytest.approx(case.expected["stats"], abs=1e-9, rel=0)
    assert 0 < ours[0]["stats"]["AP"] < 1


def test_one_process_gathers_its_own_value():
    assert gathered((1, "a")) == [(1, "a")]


def videos(*lengths: int) -> list[Video]:
    return [
        Video(id=i, width=8, height=8, length=n, file_names=("x",) * n)
        for i, n in enumerate(lengths, start=1)
    ]


def test_shares_hold_each_video_once_and_about_the_same_frames():
    shares = video_shares(videos(9, 2, 3, 8, 4, 4), 3)
    assert sorted(v.id for share in shares for v in share) == [1, 2, 3, 4, 5, 6]
    assert [sum(v.length for v in share) for share in shares] == [9, 11, 10]
    assert all([v.id for v in share] == sorted(v.id for v in share) for share in shares)


def test_no_share_is_empty_where_there_are_fewer_videos_than_processes():
    shares = video_shares(videos(3, 5), 4)
    assert all(shares)


def track(video: int, score: float) -> ResultTrack:
    return ResultTrack(video_id=video, category_id=1, score=score, segmentations=(None,))


def test_a_video_of_two_processes_counts_once():
    parts = [({1, 3}, [track(3, 0.5), track(1, 0.4)]), ({1, 2}, [track(1, 0.4), track(2, 0.3)])]
    finished, tracks = merged_tracks(parts)
    assert finished == {1, 2, 3}
    assert tracks == [track(1, 0.4), track(2, 0.3), track(3, 0.5)]


def test_tracks_of_a_video_that_did_not_end_are_left_out():
    assert merged_tracks([({1}, [track(1, 0.4), track(2, 0.3)])]) == ({1}, [track(1, 0.4)])
