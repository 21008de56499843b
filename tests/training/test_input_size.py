"""No override of the input size leaves a setting behind that belongs to another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from settings import settings_of

from sgnet.commands import setting_checks
from sgnet.commands.setting_checks import check_settings
from sgnet.training.input_size import FOLLOWING, follow_input_size

EXPERIMENTS = sorted(path.stem for path in Path("conf/experiment").glob("*.yaml"))
CELL, RANGES, AREA = FOLLOWING


def followed(*overrides: str):
    cfg = settings_of("train", "paths.run_dir=unused", *overrides)
    check_settings("train", cfg)
    follow_input_size(cfg)
    return cfg


@pytest.mark.parametrize(
    ("overrides", "cell", "ranges", "area"),
    [
        ((), 20, [32, 64, 128, 256], 1),
        (("data.transform.size=[288,512]",), 40, [64, 128, 256, 512], 3),
        (("data=shapes",), 50, [64, 128, 256, 512], 4),
        (("model=sgnet",), 20, [32, 64, 128, 256], 1),
        (("model.mask_head.cell_size=30",), 30, [32, 64, 128, 256], 1),
        (("criterion.assigner.ranges=[30,60,120,240]",), 20, [30, 60, 120, 240], 1),
        (("data.min_area=9", "data.transform.size=[288,512]"), 40, [64, 128, 256, 512], 9),
        (("data.min_area=0",), 20, [32, 64, 128, 256], 0),
    ],
)
def test_the_demo_follows_its_input_and_numbers_that_are_given_stay(overrides, cell, ranges, area):
    cfg = followed("experiment=demo", *overrides)
    assert OmegaConf.select(cfg, CELL) == pytest.approx(cell)
    assert list(OmegaConf.select(cfg, RANGES)) == pytest.approx(ranges)
    assert OmegaConf.select(cfg, AREA) == area


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_experiment_writes_numbers_of_its_own_input(experiment):
    cfg = settings_of("train", f"experiment={experiment}", "data.root=x")
    assert [OmegaConf.select(cfg, name) for name in FOLLOWING] == [None] * len(FOLLOWING)
    follow_input_size(cfg)
    height, width = cfg.data.transform.size
    # of landscape inputs in the paper's 16:9 the width alone says as much
    assert height * 16 == width * 9
    assert cfg.model.mask_head.cell_size == pytest.approx(50 * width / 640)
    first = {256: 32, 640: 64}[width]
    assert list(cfg.criterion.assigner.ranges) == [first, 2 * first, 4 * first, 8 * first]


def test_the_check_of_settings_lets_null_pass_where_it_is_filled_in_and_nowhere_else():
    assert set(FOLLOWING) - set(setting_checks.FOLLOWING) == {AREA}  # null to its data module
    for name in (CELL, RANGES):
        with pytest.raises(ValueError, match=f"{name} must be"):
            followed("experiment=demo", f"{name}=abc")
    with pytest.raises(ValueError, match="center_radius must be"):
        followed("experiment=demo", "criterion.assigner.center_radius=null")


@pytest.mark.parametrize("size", ["[0,8]", "[8]", "null"])
def test_an_input_without_size_is_refused_by_its_name(size):
    cfg = settings_of("train", "experiment=demo", f"data.transform.size={size}")
    with pytest.raises(ValueError, match=r"data.transform.size must be \[height, width\]"):
        follow_input_size(cfg)


def test_settings_without_these_parts_are_left_as_they_are():
    cfg = OmegaConf.create({"data": {"transform": {"size": [144, 256]}}, "model": {"own": 1}})
    follow_input_size(cfg)
    assert cfg == {"data": {"transform": {"size": [144, 256]}}, "model": {"own": 1}}
