"""Folders of a sweep's runs."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from sgnet.commands.sweep_folders import EXCLUDED, LONGEST, folder_name, named_by_what_varies


@pytest.mark.parametrize(
    "arguments",
    [[], ["seed=1"], ["seed=1,2"], ["-m", "seed=1,2", f"{EXCLUDED}=[data]"], ["--cfg", "job"]],
)
def test_command_lines_without_a_sweep_or_with_own_names_stay(arguments):
    assert named_by_what_varies(arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        (["-m"], []),
        (["-m", "seed=1,2"], []),
        (["seed=1,2", "--multirun", "experiment=table3", "+a.b=3"], ["experiment", "a.b"]),
        (["-m", "seed=choice(1,2)", "data.size=[1,2]", "~logger"], ["data.size", "logger"]),
        (["-m", "seed=range(3)", "hydra/launcher=joblib", "hydra.sweep.dir=x"], []),
        (["-m", "--config-dir", "a=b,c", "x=1", "data@other=y"], ["x", "data"]),
    ],
)
def test_what_all_runs_of_a_sweep_share_is_left_out_of_their_names(arguments, left_out):
    whole = named_by_what_varies(arguments)
    (added,) = [argument for argument in whole if argument.startswith(EXCLUDED)]
    assert [argument for argument in whole if argument != added] == arguments
    override = OverridesParser.create().parse_override(added)
    assert override.key_or_group == EXCLUDED
    assert override.value() == left_out


def test_overrides_stay_in_one_row():
    """Between flags; Hydra refuses two rows."""
    whole = named_by_what_varies(["--config-dir", "a=b", "seed=1,2", "x=1", "-m"])
    places = [n for n, argument in enumerate(whole) if "=" in argument and argument != "a=b"]
    assert places == [2, 3, 4]
    assert whole[-1] == "-m"


def test_names_are_short_unique_and_no_paths():
    texts = [
        "grid-4_seed-0",
        "data.root-/a/b",
        "data.root--a-b",
        "data.root-a b",
        "a" * LONGEST,
        "a" * (LONGEST + 1),
        "a" * 500 + "b",
        "a" * 500 + "c",
        "model.weights-C:\\x\\y.pth",
        "name-é",
        "..",
    ]
    names = [folder_name(text, 3) for text in texts]
    assert names[0] == texts[0]
    assert folder_name("", 3) == "3"
    assert len(set(names)) == len(texts)
    assert max(map(len, names)) <= LONGEST
    assert not any(set(name) & set('/\\:*?"<>| ') or name.strip(".") == "" for name in names)
    assert names == [folder_name(text, 4) for text in texts]
