from __future__ import annotations

from dataclasses import asdict

from sgnet.evaluation.diagnosis_table import diagnosis_table
from sgnet.evaluation.object_figures import FIGURES, Difference, Figure
from sgnet.evaluation.oracle import LADDER


def report(mean: float | None = 0.5, error: float | None = 0.01, **more) -> dict:
    figure = asdict(Figure(mean, error, error, 20, 2))
    return {
        "frames": 7,
        "videos": 2,
        "mask_stride": 4,
        "figures": dict.fromkeys(FIGURES, figure),
        "id_switches": 3,
        "oracle_ladder": {rung: {"AP": 0.25, "AP50": 1.0, "AP75": -1.0} for rung in LADDER},
        "compared_with": None,
        "differences": {},
        **more,
    }


def test_figures_are_per_cent_and_movements_pixels():
    lines = diagnosis_table(report()).splitlines()
    rows = {line[:39].strip(): line.split()[-4:] for line in lines}
    assert "7 frames of 2 videos; masks of stride 4" in lines[0]
    assert rows["mask IoU in true boxes"] == ["50.00", "1.00", "1.00", "20"]
    assert rows["movement error there, pixels"] == ["0.50", "0.01", "0.01", "20"]
    assert lines[-1].split()[-3:] == ["25.0", "100.0", "-"]
    assert len([line for line in lines if line]) == 1 + 1 + len(FIGURES) + 1 + 1 + len(LADDER)


def test_what_is_not_defined_is_a_dash():
    assert "0.00" not in diagnosis_table(report(None, None))


def test_zero_has_no_sign():
    assert "-0.00" not in diagnosis_table(report(-1e-9, 0.0))
    assert "-0.01" in diagnosis_table(report(-1e-4, 0.0))


def test_differences_come_with_their_intervals():
    difference = asdict(Difference(-0.02, -0.04, 0.01, 20, 2))
    text = diagnosis_table(
        report(compared_with="a.csv", differences=dict.fromkeys(FIGURES, difference))
    )
    lines = text.splitlines()
    start = lines.index("minus a.csv, with 95 % intervals over videos")
    assert len(lines) - start - 1 == len(FIGURES)
    assert lines[start + 1].split()[-4:] == ["-2.00", "[-4.00,", "1.00]", "20"]
