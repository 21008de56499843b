from __future__ import annotations

import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf
from settings import CONF

from sgnet.commands.endings import ending
from sgnet.commands.start import start
from sgnet.training.sweeps import FailedRunError


@pytest.fixture(autouse=True)
def _own_hydra(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    state = Singleton.get_state()
    yield
    Singleton.set_state(state)


def ended(capsys: pytest.CaptureFixture[str], run, *arguments: str) -> tuple[int, str]:
    """Status and stderr of `score` whose work is `run`."""
    files = ("annotations=a", "results=b")
    with pytest.raises(SystemExit) as end:
        start("score", run, CONF, [*files, *arguments])
    return int(end.value.code), capsys.readouterr().err


def raising(error: BaseException):
    def run(cfg: object) -> None:
        raise error

    return run


MENDABLE = [
    lambda: Path("not-there").read_text(),
    lambda: int("x"),
    lambda: zipfile.ZipFile(__file__),
    lambda: cv2.resize(np.zeros((1, 1)), (-1, -1)),
    lambda: onnxruntime.InferenceSession(b"nothing"),
    lambda: OmegaConf.create({"a": "${b}"}).a,
    lambda: np.empty(1 << 60),
    lambda: torch.empty(1 << 50),
    lambda: __import__("no_such_library"),
    lambda: raising(RecursionError("deep"))(None),
    lambda: raising(torch.OutOfMemoryError("CUDA out of memory"))(None),
]


@pytest.mark.parametrize("work", MENDABLE)
def test_what_a_caller_can_mend_is_a_line_and_status_2(capsys, work):
    status, text = ended(capsys, lambda cfg: work())
    assert status == 2
    assert text.startswith("error: ")
    assert "Traceback" not in text
    assert "fault of sgnet" not in text


FAULTS = [TypeError("x + y"), AttributeError("a\nb"), KeyError("k"), ZeroDivisionError()]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_program_is_a_line_status_70_and_a_traceback_in_a_file(capsys, error):
    status, text = ended(capsys, raising(error))
    assert status == 70
    (line,) = text.splitlines()
    assert line.startswith(f"error: {type(error).__name__}")
    file = Path(line.rsplit(" ", 1)[1].rstrip(")"))
    assert "Traceback (most recent call last)" in file.read_text()
    assert "in run" in file.read_text()


def test_hydras_variable_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    for error, expected in ((TypeError("x"), 70), (ValueError("x"), 2)):
        status, text = ended(capsys, raising(error))
        assert status == expected
        assert "Traceback" in text


@pytest.mark.parametrize("value", [None, "0"])
def test_the_work_and_its_processes_see_hydras_variable_as_it_was(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("HYDRA_FULL_ERROR", value)
    seen = []
    files = ["annotations=a", "results=b"]
    start("score", lambda cfg: seen.append(os.environ.get("HYDRA_FULL_ERROR")), CONF, files)
    assert seen == [value]
    assert os.environ.get("HYDRA_FULL_ERROR") == value


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("lengths=[", "quotes"),
        ("lengths=a,b", "--multirun"),
        ("other=1", "Could not override 'other'"),
        ("+a=${nothing}", ""),
        ("results=${nothing}", "results: Interpolation key 'nothing' not found"),
        ("results=a${oc.env:NO_SUCH_VARIABLE}", "Environment variable"),
        ("+group@x=nothing", "group"),
        ("lengths=loose", "lengths must be one of strict, official, got 'loose'"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(capsys, argument, words):
    status, text = ended(capsys, raising(ValueError("x")), argument)
    assert status == 2
    (line,) = text.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_failed_run_of_a_sweep_lets_the_others_go_on_and_ends_with_status_1(capsys):
    seen = []

    def run(cfg) -> None:
        seen.append(cfg.results)
        if cfg.results == "a":
            raise FailedRunError("run 0: no room")

    own = ("hydra.sweep.dir=.", "hydra.sweep.subdir=.")
    status, text = ended(capsys, run, *own, "++results=a,c", "-m")
    assert (status, seen) == (1, ["a", "c"])
    assert text.splitlines()[-1] == "error: run 0: no room"


def test_ctrl_c_and_an_end_that_was_asked_for_pass():
    for error in (KeyboardInterrupt(), SystemExit(75)):
        with pytest.raises(type(error)), ending("score"):
            raise error


SCORE = """
import sys
from sgnet.commands.start import start
def run(cfg):
    sys.stdout.write("žába " * 20000)
start("score", run, arguments=["annotations=a", "results=b"])
"""


@pytest.mark.parametrize(
    ("shell", "status"), [("| true", 141), (">&-", 0), ("2>&- >&-", 0), ("> out.txt", 0)]
)
def test_a_stdout_that_is_closed_or_lacks_signs_is_no_error(tmp_path, shell, status):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = f"set -o pipefail; {shlex.quote(sys.executable)} -c {shlex.quote(SCORE)} {shell}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
    if "out.txt" in shell:
        assert (tmp_path / "out.txt").read_text() == r"\u017e\xe1ba " * 20000
