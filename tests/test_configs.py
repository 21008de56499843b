from __future__ import annotations

import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from settings import CONF, settings_of
from torchvision.models.detection import FCOS

from sgnet.commands.cli import COMMANDS
from sgnet.commands.help import module_name, settings_file
from sgnet.models import SGNet
from sgnet.training.input_size import follow_input_size
from sgnet.training.training_run import build_model

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))
MODELS = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml") if path.stem != "base")


def composed(*overrides: str):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose(
            "train",
            [
                "model.detection_head.num_classes=40",
                "model.weights=null",
                "paths.run_dir=unused",
                *overrides,
            ],
        )
    follow_input_size(cfg)
    return cfg


def build(cfg) -> SGNet:
    with torch.device("meta"):
        return build_model(cfg.model)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_instantiates(experiment):
    cfg = composed(f"experiment={experiment}")
    assert isinstance(build(cfg), SGNet)
    for part in (cfg.criterion, cfg.inference.decoder, cfg.inference.tracker, cfg.data):
        instantiate(part, _convert_="all")
    for part in (cfg.optim.optimizer, cfg.optim.schedule, *cfg.callbacks.values()):
        instantiate(part, _convert_="all")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_composes_and_instantiates(model):
    assert isinstance(build(composed(f"model={model}")), SGNet)


@pytest.mark.parametrize(
    "folder", ["data", "trainer", "callbacks", "logger", "optim", "criterion", "inference"]
)
def test_every_file_of_a_folder_resolves(folder):
    for path in (ROOT / "conf" / folder).glob("*.yaml"):
        root = ["data.root=x"] if path.stem == "base" else []
        part = composed(f"{folder}={path.stem}", *root)[folder]
        assert OmegaConf.to_container(part, resolve=True, throw_on_missing=True)


GROUPS = ("model", "data", "criterion", "inference", "optim", "trainer", "callbacks", "logger")
MEMBERS = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((ROOT / "conf" / group).glob("*.yaml"))
    if (group, path.stem) != ("model", "base")  # which has no backbone
]


@pytest.mark.parametrize("experiment", ["demo", "finetune_small", "paper_r50"])
@pytest.mark.parametrize(("group", "member"), MEMBERS)
def test_every_group_can_be_swapped_in_every_experiment(group, member, experiment, tmp_path):
    root = ["data.root=x"] if (group, member) == ("data", "base") else []
    places = (f"paths.run_dir={tmp_path}", "trainer.accelerator=cpu", "trainer.devices=1")
    cfg = composed(f"experiment={experiment}", f"{group}={member}", *places, *root)
    parts = [cfg.criterion, *cfg.inference.values(), cfg.data, *cfg.optim.values()]
    parts += [*cfg.callbacks.values(), *cfg.logger.values()]
    if group == "model":
        assert isinstance(build(cfg), SGNet)
    if group == "trainer":
        instantiate(cfg.trainer, logger=False, precision="32-true", _convert_="all")
    for part in parts:
        if OmegaConf.is_config(part):  # a value of its own is no part
            assert "_target_" in part, part
            assert not isinstance(instantiate(part, _convert_="all"), dict)


def settings(experiment: str, *row: str) -> tuple:
    cfg = composed(f"experiment={experiment}", *(f"ablation={name}" for name in row))
    model = build(cfg)
    head = model.mask_head
    return (
        head.blender.reading,
        head.blender.grid,
        head.base_masks.num_levels,
        head.blender.upsample,
        isinstance(head.base_masks.instance_convolution, torch.nn.Conv2d),
        cfg.criterion.box_loss,
        cfg.model.backbone.depth,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("paper_r50", ("region_vector", 6, 3, 4, True, "log_giou", 50)),
        ("paper_r101", ("region_vector", 6, 3, 4, True, "log_giou", 101)),
        ("table2_a", ("prototypes", 6, 1, 4, False, "iou", 101)),
        ("table2_b", ("prototypes", 6, 3, 4, True, "iou", 101)),
        ("table2_c", ("region_vector", 6, 1, 4, False, "iou", 101)),
        ("table2_d", ("region_vector", 6, 3, 4, True, "iou", 101)),
        ("table2_e", ("region_vector", 6, 3, 4, True, "log_giou", 101)),
        ("table3_grid2", ("region_vector", 2, 3, 4, True, "log_giou", 101)),
        ("table3_grid4", ("region_vector", 4, 3, 4, True, "log_giou", 101)),
        ("table3_grid6", ("region_vector", 6, 3, 4, True, "log_giou", 101)),
        ("table3_grid8", ("region_vector", 8, 3, 4, True, "log_giou", 101)),
        ("table4_up4", ("region_vector", 6, 3, 4, True, "log_giou", 101)),
        ("table4_up2", ("region_vector", 6, 3, 2, True, "log_giou", 101)),
        ("table4_up1", ("region_vector", 6, 3, 1, True, "log_giou", 101)),
        ("table5_p3", ("region_vector", 6, 1, 4, True, "log_giou", 101)),
        ("table5_p3_p4", ("region_vector", 6, 2, 4, True, "log_giou", 101)),
        ("table5_p3_p5", ("region_vector", 6, 3, 4, True, "log_giou", 101)),
    ],
)
def test_the_papers_rows_differ_in_what_they_say(name, expected):
    row = (name,) if name.startswith("table") else ()
    assert settings(name.split("_")[0] if row else name, *row) == expected


SWEEPS = ("table1", "table2", "table3", "table4", "table5")


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep_over_a_table_runs_each_of_its_rows_with_three_seeds(sweep):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"experiment={sweep}"], return_hydra_config=True)
    assert cfg.hydra.sweep.dir == f"runs/{sweep}-youtube_vis"  # the same at every start
    params = cfg.hydra.sweeper.params
    rows = {path.stem for path in (ROOT / "conf/ablation").glob(f"{sweep}_*.yaml")}
    assert set(params.ablation.split(",")) == rows
    assert params.seed == "0,1,2"
    assert cfg.resume == "auto"


@pytest.mark.parametrize("sweep", SWEEPS)
def test_no_two_rows_of_a_table_are_the_same_run(sweep):
    rows = sorted(path.stem for path in (ROOT / "conf/ablation").glob(f"{sweep}_*.yaml"))
    found = []
    for row in rows:
        cfg = OmegaConf.to_container(composed(f"experiment={sweep}", f"ablation={row}"))
        found.append((cfg["model"], cfg["criterion"]))
    assert all(one != other for i, one in enumerate(found) for other in found[:i])


@pytest.mark.parametrize("setting", sorted(p.stem for p in (ROOT / "conf/setting").glob("*.yaml")))
@pytest.mark.parametrize("row", sorted(p.stem for p in (ROOT / "conf/ablation").glob("*.yaml")))
def test_every_row_composes_in_every_setting_and_differs_from_it_in_the_row_only(row, setting):
    sweep = row.split("_")[0]
    of_row, base = (
        OmegaConf.to_container(composed(f"experiment={sweep}", f"setting={setting}", *more))
        for more in ([f"ablation={row}"], [])
    )
    assert isinstance(build(OmegaConf.create(of_row)), SGNet)
    assert of_row["paper"].keys() == {"row", "AP"}
    for changed, allowed in (
        ("model", ("mask_head", "backbone")),
        ("criterion", ("box_loss",)),
    ):
        for name in base[changed].keys() - set(allowed):
            assert of_row[changed][name] == base[changed][name]
    for same in ("data", "optim", "trainer", "inference", "callbacks"):
        assert of_row[same] == base[same]


@pytest.mark.parametrize(
    "override",
    [
        *(f"model.backbone.depth={d}" for d in (18, 34, 50, 101)),
        *(f"model.mask_head.grid={g}" for g in (2, 4, 6, 8)),
        *(f"model.mask_head.upsample={u}" for u in (4, 2, 1)),
        *(f"model.mask_head.reading={r}" for r in ("region", "global", "region_vector")),
        "model.mask_head.cell_size=20",
        "model.mask_head.levels=[P3]",
        "model.tracking_head.tracking_input=single",
        "criterion.box_loss=giou",
    ],
)
def test_variants_are_overrides(override):
    cfg = composed(override)
    assert isinstance(build(cfg), SGNet)
    instantiate(cfg.criterion, _convert_="all")


def test_an_experiments_values_win_over_those_of_train_yaml():
    assert composed().both_ways is False
    assert composed("experiment=demo").both_ways is True


def test_experiments_open_with_their_command():
    for name in EXPERIMENTS:
        lines = (ROOT / "conf/experiment" / f"{name}.yaml").read_text().splitlines()
        assert lines[0] == "# @package _global_"
        assert re.search(rf"python train.py (-m )?experiment={name}\b", lines[1])


def test_the_papers_numbers_are_the_defaults_of_its_experiment():
    cfg = composed("experiment=paper_r50")
    assert (cfg.optim.optimizer.lr, cfg.optim.optimizer.momentum) == (0.005, 0.9)
    assert cfg.data.transform.size == [360, 640]
    assert cfg.model.mask_head.cell_size == 50
    model = build(cfg)
    assert (model.mask_head.blender.cell_size, model.mask_head.blender.grid) == (50, 6)
    assert model.mask_head.base_masks.reduce.in_channels == 128
    assert model.mask_head.base_masks.reduce.out_channels == 36
    assert cfg.criterion.assigner.ranges == [64, 128, 256, 512]
    assert cfg.criterion.assigner.center_radius == 1.5
    assert cfg.model.tracking_head.tracking_input == "pair"


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != "paper_table"])
def test_every_experiment_validates_with_the_default_decoder_and_tracker(experiment):
    assert composed(f"experiment={experiment}").inference == composed().inference


def test_the_papers_rule_is_a_choice_with_the_decoder_of_torchvisions_fcos():
    chosen = composed("experiment=paper_r50", "inference=paper").inference
    tracker = {"max_age": 0, "class_aware": False, "point": "location", "radius_scale": 1.0}
    costs = {"class_cost": 0, "size_cost": 0, "max_cost": 1.3}  # the last is of no account then
    assert instantiate(chosen.tracker).settings == tracker | costs
    fcos = inspect.signature(FCOS).parameters
    for name, theirs in (
        ("score_threshold", "score_thresh"),
        ("nms_threshold", "nms_thresh"),
        ("top_k", "topk_candidates"),
        ("max_detections", "detections_per_img"),
    ):
        assert chosen.decoder[name] == fcos[theirs].default


@pytest.mark.parametrize("part", ["criterion", "inference.decoder", "inference.tracker"])
def test_defaults_in_conf_and_in_signatures_agree(part):
    section = OmegaConf.select(composed(), part)
    target = get_class(section["_target_"])
    for name, parameter in inspect.signature(target).parameters.items():
        value = section.get(name)
        if parameter.default is not parameter.empty and not OmegaConf.is_config(value):
            assert value == parameter.default, name


def test_no_experiment_is_a_copy_of_a_row():
    rows = {path.stem for path in (ROOT / "conf/ablation").glob("*.yaml")}
    assert not rows & set(EXPERIMENTS)


def written_commands() -> list[str]:
    """The command lines that pages show; lines that end in a backslash go on."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = "\n".join(page.read_text() for page in pages).replace("\\\n", " ").splitlines()
    commands = {re.split(r"\s+#", line)[0].strip() for line in lines}
    return sorted(c for c in commands if re.match(r"python (train|scripts/)|sgnet [a-z]", c))


@pytest.mark.parametrize("command", written_commands())
def test_commands_of_the_pages_compose(command):
    first, second, *arguments = shlex.split(command)
    if first == "sgnet":
        assert second in COMMANDS
        name = module_name(second)
    else:
        assert (ROOT / second).is_file()
        name = Path(second).stem
    if set(arguments) & {"--help", "--cfg"}:
        return
    overrides = [a for a in arguments if a != "-m"]
    if "-m" in arguments:  # each of the values alone
        overrides = [re.sub(r",[\w,]+$", "", a) for a in overrides]
    settings_of(name, *overrides)


@pytest.mark.parametrize("word", COMMANDS)
def test_each_command_has_settings_a_script_and_a_run(word):
    name = module_name(word)
    assert settings_file(name, CONF).is_file()
    script = ROOT / ("train.py" if name == "train" else f"scripts/{name}.py")
    text = script.read_text()
    assert f'start("{name}"' in text
    assert '/ "conf")' in text  # the checkout's own settings, whatever package is installed
    assert callable(import_module(f"sgnet.commands.{name}").run)
