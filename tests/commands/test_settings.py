"""Types of settings: declared for every file of settings, checked before any work."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from omegaconf import OmegaConf
from settings import CONF, settings_of

from sgnet.commands.setting_checks import check_settings
from sgnet.commands.settings import GROUP_TEXT, SCHEMAS, Decoder, Tracker, given, is_text
from sgnet.postprocess import DetectionDecoder
from sgnet.tracking import MovementTracker

FILES = [CONF / "train.yaml", *sorted((CONF / "scripts").glob("*.yaml"))]
CHOICES = {"convert": ("from=cvat",), "export_tracks": ("to=cvat",), "train": ("paths.run_dir=x",)}


def checked(name: str, *overrides: str):
    cfg = settings_of(name, *CHOICES.get(name, ()), *overrides)
    check_settings(name, cfg)
    return cfg


def groups_of(content: dict) -> set[str]:
    """What the defaults list composes, and Hydra's own settings."""
    entries = [entry for entry in content["defaults"] if isinstance(entry, dict)]
    return {"hydra", "defaults"} | {key for entry in entries for key in entry}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_settings_has_types_for_exactly_its_settings(path):
    content = yaml.safe_load(path.read_text())
    assert set(get_type_hints(SCHEMAS[path.stem])) == set(content) - groups_of(content)


def test_types_are_there_for_every_file_and_no_other():
    assert sorted(SCHEMAS) == sorted(path.stem for path in FILES)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_default_has_its_type(name):
    cfg = settings_of(name, *CHOICES.get(name, ()))
    before = OmegaConf.to_container(cfg)
    check_settings(name, cfg)
    assert OmegaConf.to_container(cfg) == before


@pytest.mark.parametrize(
    "path",
    [
        path
        for group in ("data", "experiment", "model", "callbacks", "logger", "trainer", "inference")
        for path in sorted((CONF / group).glob("*.yaml"))
        if path.stem != "base"
    ],
    ids=lambda path: f"{path.parent.name}={path.stem}",
)
def test_every_member_of_a_group_has_the_types_of_what_it_makes(path):
    checked("train", f"{path.parent.name}={path.stem}")


@pytest.mark.parametrize(
    ("declared", "made"), [(Decoder, DetectionDecoder), (Tracker, MovementTracker)]
)
def test_settings_of_decoder_and_tracker_are_their_constructors(declared, made):
    assert list(get_type_hints(declared)) == list(inspect.signature(made).parameters)


def test_the_text_of_groups_is_there_in_some_group():
    keys = {
        ".".join(path)
        for options in (
            ("data=davis",),
            ("data=ytvis2019_coco",),
            ("callbacks=ema",),
            ("logger=wandb",),
        )
        for path in paths_of(settings_of("train", *options, "paths.run_dir=x"))
    } | {
        f"from.{key}"
        for file in (CONF / "scripts/from").glob("*.yaml")
        for key in yaml.safe_load(file.read_text())
    }
    from fnmatch import fnmatchcase

    for pattern in GROUP_TEXT:
        if not pattern.startswith("hydra."):
            found = [key for key in keys if fnmatchcase(key, pattern)]
            readers = pattern == "data.readers.*.annotations"  # of a converter with such a setting
            assert found or readers, pattern


def paths_of(node, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    container = OmegaConf.to_container(node) if not isinstance(node, dict | list) else node
    items = container.items() if isinstance(container, dict) else enumerate(container)
    found = []
    for key, value in items:
        path = (*prefix, str(key))
        found += paths_of(value, path) if isinstance(value, dict | list) else [path]
    return found


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("predict", "max_frames=abc", "max_frames must be a whole number of at least 1 or null, "),
        ("predict", "max_frames=0", "max_frames must be a whole number of at least 1"),
        ("predict", "max_frames=2.5", "got 2.5"),
        ("predict", "max_frames=true", "got True"),
        ("predict", "min_score=high", "min_score must be a number from 0 to 1, got 'high'"),
        ("predict", "min_score=nan", "got nan"),
        ("predict", "min_score=1.5", "got 1.5"),
        ("predict", "min_score=null", "got None"),
        ("predict", "min_score=[1]", r"got \[1\]"),
        ("predict", "video_id=abc", "video_id must be a whole number of at least 1, got 'abc'"),
        ("predict", "overlay=maybe", "overlay must be true or false, got 'maybe'"),
        ("predict", "speed=faster", "speed must be one of exact, compact, fast, got 'faster'"),
        ("predict", "tracker.max_age=2.5", "tracker.max_age must be a whole number"),
        ("predict", "tracker.point=middle", "tracker.point must be one of location, box_center"),
        ("predict", "decoder.score_threshold=x", "decoder.score_threshold must be a number"),
        ("predict", "++decoder.threshold=0.2", "decoder knows score_threshold, top_k, .*threshold"),
        ("predict", "decoder=3", "decoder must be a group of settings, got 3"),
        ("export", "input_size=[1]", "input_size must be a list, each a whole number"),
        ("export", "input_size=5", "input_size must be a list"),
        ("evaluate", "pictures=-1", "pictures must be a whole number of at least 0, got -1"),
        ("evaluate", "data.frames_per_chunk=x", "data.frames_per_chunk must be a whole number"),
        ("tune_tracker", "detect.decoder.top_k=x", "detect.decoder.top_k must be"),
        ("split", "rule=other", "rule must be one of stratified, hash, got 'other'"),
        ("benchmark", "depths=50", "depths must be a list, each a whole number of at least 1"),
        ("convert", "+from.bxes=mask", "from .sgnet.conversion.cvat.read_cvat. knows .*'bxes'"),
        ("train", r"data.root='a\${b'", r"data.root must be text without '\$\{', got 'a\$\{b'"),
        ("train", r"paths.data_dir='\${b}'", r"data.root must be text without '\$\{'"),
        ("train", "seed=-1", "seed must be a whole number from 0 to"),
        ("train", "seed=text", "seed must be a whole number"),
        ("train", "data.batch_size=2.5", "data.batch_size must be a whole number, got 2.5"),
        ("train", "model.mask_head.grid=x", "model.mask_head.grid must be a whole number"),
        ("train", "+data.other=1", "data .sgnet.data.loading.* knows root, train_split, .*'other'"),
        ("train", "criterion.assigner.center_radius=x", "assigner.center_radius must be a number"),
        ("train", "callbacks.interruption.minutes=x", "callbacks.interruption.minutes must be a"),
        ("train", "inference.tracker.max_age=2.5", "inference.tracker.max_age must be a whole"),
        ("train", "optim.schedule.warmup_steps=x", "optim.schedule.warmup_steps must be a whole"),
    ],
)
def test_a_value_of_another_type_is_refused(name, override, message):
    with pytest.raises(ValueError, match=message):
        checked(name, override)


@pytest.mark.parametrize(
    ("name", "override", "key", "value"),
    [
        ("predict", "output=2024", "output", "2024"),
        ("predict", "overlay=no", "overlay", False),
        ("predict", "overlay=1", "overlay", True),
        ("predict", "max_frames=1e3", "max_frames", 1000),
        ("predict", "max_frames='7'", "max_frames", 7),  # as environment variables are
        ("predict", "max_frames=null", "max_frames", None),
        ("predict", "min_score=1", "min_score", 1),
        ("predict", "decoder.top_k=10.0", "decoder.top_k", 10),
        ("split", "salt=1", "salt", "1"),
        ("report", "runs=[1,b]", "runs", ["1", "b"]),
        ("train", "data.train_split=2019", "data.train_split", "2019"),
        ("train", "+mine=anything", "mine", "anything"),
        ("train", "optim.optimizer.lr=text", "optim.optimizer.lr", "text"),  # not of this package
    ],
)
def test_a_value_becomes_what_its_type_says(name, override, key, value):
    found = OmegaConf.select(checked(name, override), key)
    assert found == value
    assert type(found) is type(value) or isinstance(value, list)


def test_a_target_that_is_not_there_is_left_to_hydra():
    assert checked("train", "criterion._target_=sgnet.losses.Nothing").criterion
    assert checked("train", "criterion._target_=sgnet.no_such_room.Nothing").criterion


def test_a_foreign_target_in_place_of_ours_has_settings_of_its_own():
    own = ("inference.tracker._target_=mine.Tracker", "+inference.tracker.mine=1")
    assert checked("train", *own).inference.tracker.mine == 1


def test_null_leaves_a_setting_to_the_checkpoint():
    assert given({}) == {}
    assert given(settings_of("predict").decoder) == {}
    assert given(settings_of("predict", "decoder.top_k=3").decoder) == {"top_k": 3}


def test_text_is_told_from_numbers_and_switches():
    assert is_text("predict", "source")
    assert not is_text("predict", "max_frames")
    assert not is_text("predict", "nothing")
    assert is_text("train", "hydra.run.dir")
    assert Path(CONF, "train.yaml").is_file()
