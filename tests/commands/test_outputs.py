"""No command replaces an input or a file of somebody else's, or writes outside of its folder."""

from __future__ import annotations

import shutil
from importlib import import_module

import pytest
from data_sets import write_data_set
from settings import settings_of

from sgnet.commands.score import ScoreSettings, score

OWN = "{}\n"  # a file of the user's


@pytest.fixture
def data_set(tmp_path):
    """A data set in `set`, and the working folder there."""
    write_data_set(tmp_path / "set", seeds=range(1, 5))
    return tmp_path


def run(name, *overrides):
    import_module(f"sgnet.commands.{name}").run(settings_of(name, *overrides))


def everything(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


CHECK = ("check_data", "annotations={0}/set/train.json", "output={0}/report")
FIX = (*CHECK, "fix={0}/out")
SPLIT = ("split", "annotations={0}/set/train.json", "output={0}/out")
SHEET = ("contact_sheet", "data=base", "data.root={0}/set", "split=train", "output={0}/out/x.png")
COMPOSE = (
    "compose",
    "annotations={0}/set/train.json",
    "images={0}/set/train/JPEGImages",
    "output={0}/out",
    "count=1",
)
CONVERT = (
    "convert",
    "from=labelme",
    "source={0}/set/train",
    "images={0}/set/train/JPEGImages",
    "output={0}/out",
)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (FIX, "train.json"),
        (FIX, "fixes.json"),
        ((*FIX, "fix_split=val"), "val.json"),
        (SPLIT, "train.json"),
        (SPLIT, "val.json"),
        (SPLIT, "split.json"),
        ((*SPLIT, "folds=2"), "fold1/val.json"),
        ((*CHECK[:2], "output={0}/out"), "report.json"),
        ((*CHECK[:2], "output={0}/out"), "report.md"),
        ((*CHECK[:2], "output={0}/out"), "report.png"),
        (COMPOSE, "train.json"),
        (SHEET, "x.png"),
    ],
)
def test_a_file_of_the_users_is_left_alone(command, name, data_set):
    (data_set / "out" / name).parent.mkdir(parents=True)
    (data_set / "out" / name).write_text(OWN)
    before = everything(data_set)
    with pytest.raises(ValueError, match=name.rpartition("/")[2].replace(".", r"\.")):
        run(*(part.format(data_set) for part in command))
    assert everything(data_set) == before


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("check_data", "annotations={0}/set/report.json", "output={0}/set"), "report.json"),
        (("split", "annotations={0}/set/split.json", "output={0}/set"), "split.json"),
        (("split", "annotations={0}/set/val.json", "output={0}/set"), "val.json"),
        (
            ("check_data", "annotations={0}/set/fixes.json", "output={0}/r", "fix={0}/set"),
            "fixes.json",
        ),
    ],
)
def test_an_input_of_an_outputs_name_is_left_alone(command, name, data_set):
    (data_set / "set/train.json").rename(data_set / "set" / name)
    images = "images={0}/set/train/JPEGImages"
    before = everything(data_set)
    with pytest.raises(ValueError, match="must not be one of the inputs"):
        run(*(part.format(data_set) for part in (*command, images)))
    assert everything(data_set) == before


EVIL = ["../evil", "../../evil", "..", "/tmp/evil", "a/b", "a\\b", "nul"]


@pytest.mark.parametrize("split", EVIL)
@pytest.mark.parametrize(
    ("command", "key"), [(FIX, "fix_split"), (COMPOSE, "split"), (CONVERT, "split")]
)
def test_a_split_stays_in_its_folder(command, key, split, data_set):
    if command is CONVERT:
        (data_set / "set/train/JPEGImages/v1/1.json").write_text("{}")
    before = everything(data_set)
    with pytest.raises(ValueError, match="split must be a name such as train"):
        run(*(part.format(data_set) for part in command), f"{key}='{split}'")
    assert everything(data_set) == before


@pytest.mark.parametrize("command", [CHECK, SHEET])
def test_what_the_command_wrote_itself_is_replaced(command, data_set):
    arguments = [part.format(data_set) for part in command]
    run(*arguments)
    first = everything(data_set)
    shutil.rmtree(data_set / "set/train/JPEGImages/v1")
    if command is CHECK:
        with pytest.raises(SystemExit):
            run(*arguments)
    else:
        run(*arguments, "skip=1")
    second = everything(data_set)
    assert any(second[path] != first[path] for path in second)


def test_figures_replace_earlier_figures_alone(data_set):
    annotations, output = data_set / "set/train.json", data_set / "out.json"
    results = data_set / "results.json"
    results.write_text("[]")
    for _ in range(2):
        score(ScoreSettings(annotations, results, output))
    for taken in (annotations, results):
        with pytest.raises(ValueError, match="must not be one of the inputs"):
            score(ScoreSettings(annotations, results, taken))
    output.write_text(OWN)
    with pytest.raises(ValueError, match=r"out\.json: expected a new file"):
        score(ScoreSettings(annotations, results, output))
