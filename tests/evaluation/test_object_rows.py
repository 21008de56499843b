from __future__ import annotations

import math

import numpy as np
import pytest

from sgnet.evaluation.object_figures import FIGURES, ObjectTable
from sgnet.evaluation.object_rows import HEADER, is_rows, load_rows, save_rows

HEAD = ",".join(HEADER)
VALUES = ",".join(["0.5"] * len(FIGURES))


@pytest.mark.parametrize("count", [0, 3])
def test_rows_come_back_as_they_were_written(count, tmp_path):
    values = np.random.default_rng(0).uniform(0, 1, (count, len(FIGURES)))
    values[::2, ::3] = math.nan
    keys = [(2, frame, 10**15, 1) for frame in range(count)]
    save_rows(ObjectTable.of(keys, values.tolist()), tmp_path / "rows.csv")
    assert is_rows(tmp_path / "rows.csv")
    found = load_rows(tmp_path / "rows.csv")
    assert found.keys.tolist() == [list(key) for key in keys]
    np.testing.assert_allclose(found.values, values, rtol=0, atol=0.5001e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 must be video,frame,.*got an empty file"),
        ("a,b\n1,2\n", "line 1 must be video,frame,.*got a,b"),
        (f"{HEAD}\n1,2,3\n", f"line 2 must have {len(HEADER)} columns, got 3"),
        (f"{HEAD}\n1,0,3,1,{VALUES}\n1,x,3,1,{VALUES}\n", "line 3, frame must be a whole .*'x'"),
        (f"{HEAD}\n1,-1,3,1,{VALUES}\n", "line 2, frame must be a whole number, got '-1'"),
        (f"{HEAD}\n1,{10**19},3,1,{VALUES}\n", "line 2, frame must be a whole number"),
        (f"{HEAD}\n1,0,3,1,nan{VALUES[3:]}\n", "line 2, mask_iou must be a finite .*'nan'"),
        (f"{HEAD}\n1,0,3,1,high{VALUES[3:]}\n", "line 2, mask_iou must be a finite .*'high'"),
    ],
)
def test_a_malformed_file_is_refused_with_line_and_column(text, message, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"rows.csv: {message}"):
        load_rows(path)


def test_figures_that_an_earlier_version_did_not_write_are_not_defined(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("video,frame,object,category,mask_iou,found_box\n1,0,3,1,0.5,1.0\n")
    assert is_rows(path)
    ((*values,),) = load_rows(path).values.tolist()
    known = {name: value for name, value in zip(FIGURES, values, strict=True) if value == value}
    assert known == {"mask_iou": 0.5, "found_box": 1.0}


@pytest.mark.parametrize(
    "head",
    [
        "video,frame,object,category",
        "video,frame,object,category,found_box",
        "video,frame,object,category,mask_iou,mask_iou",
        "video,frame,object,category,found_box,mask_iou",
        "video,frame,object,category,mask_iou,beauty",
        "frame,video,object,category,mask_iou",
    ],
)
def test_other_columns_are_no_rows(head, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"{head}\n")
    assert not is_rows(path)
    with pytest.raises(ValueError, match=r"line 1 must be video,frame,"):
        load_rows(path)


def test_files_of_others_are_told_from_rows(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    assert not any(is_rows(tmp_path / name) for name in ("other.csv", "bytes.csv", "none.csv"))
    with pytest.raises(ValueError, match=r"none\.csv: there is no such file"):
        load_rows(tmp_path / "none.csv")
