"""Reports of run folders written by hand, and of a real run."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from sgnet.reports.differences import differences
from sgnet.reports.runs import find_all_runs, find_runs
from sgnet.reports.table import as_csv, markdown, rows_of

ROOT = Path(__file__).parents[2]


def write_run(
    folder: Path, overrides: list[str], seed: int, ap: float | None, paper: float | None = None
) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/overrides.yaml").write_text("".join(f"- {o}\n" for o in overrides))
    config = {
        "paths": {"run_dir": str(folder)},
        "log": f"{folder}/log",
        "seed": seed,
        "paper": {} if paper is None else {"AP": paper},
        "lr": 0.1 * (seed + 1),
    }
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    (folder / "manifest.json").write_text(json.dumps({"seed": seed, "started": str(folder)}))
    (folder / "metrics.csv").write_text(f"step,val/AP\n5,0.1\n9,{ap or 0.2}\n")
    if ap is not None:
        figures = {f"val/{n}": ap + i / 10 for i, n in enumerate(("AP", "AP50", "AP75"))}
        summary = figures | {"val/AR1": 0.5, "val/AR10": 0.6, "val/ms_per_frame": 10.0 + seed}
        (folder / "summary.json").write_text(json.dumps(summary | {"parameters_m": 33.9}))
    return folder


@pytest.fixture
def sweep(tmp_path) -> Path:
    base = ["ablation=table3_grid2", "data=shapes_small"]
    for seed, ap in ((0, 0.30), (1, 0.34)):
        write_run(tmp_path / f"a{seed}", [*base, f"seed={seed}"], seed, ap, paper=34.0)
    write_run(tmp_path / "b0", ["data=shapes_small", "model.mask_head.grid=4"], 0, 0.4, paper=34.0)
    write_run(tmp_path / "b1", ["data=shapes_small", "model.mask_head.grid=4"], 1, None)
    broken = tmp_path / "c0/.hydra"
    broken.mkdir(parents=True)
    (broken / "overrides.yaml").write_text("- data=shapes_small\n- optim=nonsense\n")
    return tmp_path


def test_a_row_is_the_mean_and_deviation_over_seeds(sweep):
    row = rows_of(find_runs(sweep))[0]
    assert row.setting == "ablation=table3_grid2"  # what all have in common is left out
    assert [run.seed for run in row.runs] == [0, 1]
    assert row.spread("AP") == pytest.approx((0.32, 0.04 / 2**0.5))
    assert row.spread("parameters_m") == pytest.approx((33.9, 0.0))


def test_runs_without_figures_are_listed_and_not_hidden(sweep):
    table = markdown(rows_of(find_runs(sweep)))
    lines = table.splitlines()
    assert "| `ablation=table3_grid2` | 0, 1 | 32.0 ± 2.8 | 42.0 ± 2.8 |" in table
    assert lines[2].endswith("| 10.5 ± 0.7 | 33.9 ± 0.0 | 34.0 |")
    assert "| `model.mask_head.grid=4` | 0 (1 missing) | 40.0 |" in table
    assert lines[3].endswith("|  |")  # not the paper's setting
    assert "| `optim=nonsense` | none (1 missing) |" in table
    assert "- `b1` did not end" in lines
    assert "- `c0` ended before training began" in lines


def test_the_csv_has_the_same_figures(sweep):
    rows = list(csv.DictReader(as_csv(rows_of(find_runs(sweep))).splitlines()))
    assert [row["runs"] for row in rows] == ["2", "1", "0"]
    assert float(rows[0]["AP_mean"]) == pytest.approx(0.32)
    assert rows[1]["AP_std"] == rows[2]["AP_mean"] == ""
    assert rows[0]["paper_AP"] == "34.0"


def test_two_runs_differ_where_they_were_made_to(sweep):
    found = differences(sweep / "a0", sweep / "a1")
    assert [name for name, _, _ in found] == [
        "config.lr",
        "config.seed",
        "manifest.seed",
        "result.val/AP",
        "result.val/AP50",
        "result.val/AP75",
        "result.val/ms_per_frame",
    ]
    assert found[1][1:] == (0, 1)
    with pytest.raises(ValueError, match=r"c0: expected config\.yaml"):
        differences(sweep / "a0", sweep / "c0")


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/report.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_writes_table_csv_and_plot(sweep, tmp_path):
    done = script(f"runs={sweep}", f"output={tmp_path}/out/report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.md").read_text() == done.stdout
    assert (tmp_path / "out/report.csv").read_text().startswith("setting,")
    assert cv2.imread(str(tmp_path / "out/report.png")).std() > 0


def test_the_script_compares_two_runs(sweep):
    done = script(f"runs={sweep}/a0", f"other={sweep}/a1")
    assert "| config.seed | 0 | 1 |" in done.stdout


def test_a_folder_without_runs_is_an_error(tmp_path):
    done = script(f"runs={tmp_path}")
    assert done.returncode == 2
    assert "found none" in done.stderr


def test_rows_of_the_paper_bear_its_names_unless_their_method_is_altered(tmp_path):
    base = ["experiment=table3", "setting=shapes_small"]
    for name, extra in (("a", []), ("b", ["model.mask_head.cell_size=9"]), ("c", ["optim=x"])):
        folder = write_run(
            tmp_path / name, [*base, "ablation=table3_grid2", *extra, "seed=0"], 0, 0.3
        )
        config = json.loads((folder / "config.yaml").read_text())
        config["paper"] = {"row": "at most 2 divisions", "AP": 34.0}
        (folder / "config.yaml").write_text(json.dumps(config))
    plain, altered, trained_otherwise = rows_of(find_all_runs([str(tmp_path)]))
    assert (plain.setting, plain.paper_ap) == ("at most 2 divisions", 34.0)
    assert (altered.setting, altered.paper_ap) == ("model.mask_head.cell_size=9", None)
    assert trained_otherwise.setting == "at most 2 divisions optim=x"
    table = markdown([plain, altered])
    assert "| at most 2 divisions | 0 | 30.0 |" in table
    assert "| `model.mask_head.cell_size=9` |" in table


def test_rows_timed_in_turn_stand_for_what_training_took_down(sweep):
    before = rows_of(find_all_runs(str(sweep)))[0].spread("ms_per_frame")
    assert before == pytest.approx((10.5, 0.5**0.5))
    for name in ("a0", "a1"):
        (sweep / name / "speed.json").write_text(json.dumps({"ms_per_frame": 7.0}))
    assert rows_of(find_all_runs(str(sweep)))[0].spread("ms_per_frame") == (7.0, 0.0)


def test_a_row_of_which_one_run_was_timed_has_no_deviation_of_time(sweep):
    (sweep / "a1/speed.json").write_text(json.dumps({"ms_per_frame": 7.0}))
    (row, *_) = rows_of(find_all_runs(str(sweep)))
    assert row.spread("ms_per_frame") == (7.0, None)
    assert row.spread("AP") == pytest.approx((0.32, 0.04 / 2**0.5))  # of both


def test_reports_take_several_folders(sweep):
    together = find_all_runs([str(sweep / "b0"), str(sweep / "a0")])
    assert [run.folder.name for run in together] == ["b0", "a0"]


def test_a_second_run_of_a_seed_is_told_and_not_counted(tmp_path):
    for name, ap in (("a", 0.3), ("b", 0.3), ("c", 0.4)):
        write_run(tmp_path / name, ["data=x"], {"a": 0, "b": 0, "c": 1}[name], ap)
    (row,) = rows_of(find_runs(tmp_path))
    assert row.spread("AP") == pytest.approx((0.35, 0.1 / 2**0.5))
    assert "- `b` has the setting and seed of `a`" in markdown([row])
