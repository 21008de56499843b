"""Run folders that may be anybody's: nothing that their files name is ever called."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import torch
from builders import save_tiny_checkpoint, tiny_run
from omegaconf import DictConfig, OmegaConf
from settings import settings_of

import sgnet
from sgnet.checkpoints.loading import load_checkpoint
from sgnet.commands import replay, report
from sgnet.training.input_size import follow_input_size
from sgnet.training.replay import replayed_parts
from sgnet.training.resuming import resumption

SOURCES = Path(sgnet.__file__).parent


@cache
def composed() -> DictConfig:
    config = settings_of("train", *tiny_run(Path()))
    config.model.detection_head.num_classes = 2
    config.paths.run_dir = "run"
    follow_input_size(config)
    return config


def demo() -> dict:
    return OmegaConf.to_container(composed(), resolve=True)


def attacks(folder: Path) -> dict[str, dict]:
    """What would leave a file named `ran` or lose one named `precious`."""
    ran, precious = str(folder / "ran"), str(folder / "precious")
    return {
        "torch": {"_target_": "torch.save", "obj": 1, "f": ran},
        "loads": {"_target_": "torch.load", "f": precious, "weights_only": False},
        "numpy": {"_target_": "numpy.save", "file": ran, "arr": 1},
        "opens": {"_target_": "io.FileIO", "file": ran, "mode": "w"},
        "builtin": {"_target_": "builtins.open", "file": ran, "mode": "w"},
        "moves": {"_target_": "os.replace", "src": precious, "dst": ran},
        "copies": {"_target_": "shutil.copyfile", "src": precious, "dst": ran},
        "runs": {"_target_": "subprocess.check_output", "args": ["touch", ran]},
        "folder": {"_target_": "os.mkdir", "path": ran},
        "ours": {"_target_": "sgnet.files.atomic_file.write_json", "value": 1, "path": ran},
        "tail": {"_target_": "os.SGNetCriterion", "path": ran},  # an allowed name elsewhere
        "partial": {"_target_": "os.mkdir", "_partial_": True, "path": ran},
        "arguments": {"_target_": "os.mkdir", "_args_": [ran]},
        "within": {"_target_": "sgnet.losses.SGNetCriterion", "assigner": {"_target_": "os.mkdir"}},
    }


PLACES = ("criterion", "criterion.assigner", "model", "model.backbone", "model.mask_head", "data")
OTHERS = ("trainer", "callbacks.best", "logger.csv", "optim.optimizer", "inference.decoder")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> dict:
    return torch.load(save_tiny_checkpoint(tmp_path_factory.mktemp("a") / "a.ckpt"))


CASES = [(attack, "criterion") for attack in attacks(Path())]
CASES += [("folder", place) for place in (*PLACES, *OTHERS)]


@pytest.mark.parametrize(("attack", "place"), CASES)
def test_a_run_folder_runs_no_code(tmp_path, checkpoint, attack, place):
    (tmp_path / "precious").write_text("mine")
    config = demo()
    *parents, name = place.split(".")
    entry = config
    for parent in parents:
        entry = entry[parent]
    entry[name] = attacks(tmp_path)[attack]
    run = tmp_path / "run"
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra/overrides.yaml").write_text("[]")
    OmegaConf.save(config, run / "config.yaml")
    (run / "manifest.json").write_text("{}")
    (run / "summary.json").write_text('{"val/AP": 0.5}')
    torch.save({"batches": []}, run / "step.pt")
    path = tmp_path / "a.ckpt"
    description = {**checkpoint["sgnet"], "settings": config}
    torch.save({**checkpoint, "sgnet": description, "global_step": 1}, path)

    with pytest.raises(ValueError, match=f"{run}"):
        replay.run(settings_of("replay", f"dump={run}/step.pt", f"config={run}/config.yaml"))
    if place.startswith(("criterion", "model")):
        with pytest.raises(ValueError, match=r"config.yaml: (criterion|model)"):
            replayed_parts(config, run / "config.yaml")
    report.run(settings_of("report", f"runs={run}", f"output={tmp_path}/report"))
    report.run(settings_of("report", f"runs={run}", f"other={run}"))
    load_checkpoint(path)
    with pytest.raises(ValueError, match="resume"):
        resumption(settings_of("train", f"resume={path}", "paths.run_dir=x"), run)
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "[1]", "a: [", "\0", "!!python/object:os.system {}", "1"])
def test_a_config_that_is_none_is_refused_by_name(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match="config.yaml"):
        replay.run(settings_of("replay", "dump=x.pt", f"config={tmp_path}/config.yaml"))


def test_the_parts_of_a_config_of_ours_are_built(tmp_path):
    model, criterion, settings = replayed_parts(demo(), tmp_path)
    assert type(model).__name__ == "SGNet"
    assert list(criterion.assigner.ranges) == [8, 16, 32, 64]  # of 96 x 64
    assert settings.small_steps == 1


def test_nothing_that_reads_settings_from_a_file_can_instantiate_them():
    readers, builders = set(), set()
    for path in SOURCES.rglob("*.py"):
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        where = str(path.relative_to(SOURCES))
        readers |= {where} & ({where} if names & {"read_config", "safe_load"} else set())
        builders |= {where} if names & {"instantiate", "get_class", "get_method"} else set()
        assert "unsafe_load" not in names, where
    assert readers
    assert builders
    assert readers & builders == set()
