from __future__ import annotations

import csv
import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from builders import save_tiny_checkpoint
from omegaconf import DictConfig, OmegaConf
from pycocotools import mask as coco_mask

from sgnet.commands import predict
from sgnet.commands.signals import ENDING, unwound
from sgnet.inference import result_files
from sgnet.inference.result_files import PredictionFiles
from sgnet.inference.sources import SourceFrame, open_source, overlapped
from sgnet.inference.streaming import FrameResult
from sgnet.inference.video_predictor import VideoPredictor
from sgnet.ops.rle import encode
from sgnet.records import Category, TrackedInstance
from sgnet.visualization.video_file import Mp4Writer

CLASSES = (Category(1, "disc"),)
FILES = ("overlay.mp4", "results.json", "tracks.csv")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/predict.py"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.ckpt")


@pytest.fixture(scope="module")
def results(checkpoint):
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (63, 95, 3), dtype=np.uint8) for _ in range(5)]
    return list(VideoPredictor.from_checkpoint(checkpoint, "cpu").stream(frames))


def write(folder: Path, results, **settings) -> None:
    with PredictionFiles(folder, results[0].classes, **settings) as files:
        for result in results:
            files.add(result)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "tracks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def video_frames(path: Path) -> list:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_the_table_has_a_row_for_every_instance(results, tmp_path):
    write(tmp_path, results)
    rows = table(tmp_path)
    assert len(rows) == sum(len(r.instances) for r in results) > 0
    first, instance = rows[0], results[0].instances[0]
    assert (first["frame"], first["id"]) == ("0", str(instance.track_id))
    assert float(first["score"]) == pytest.approx(instance.score, abs=1e-4)
    assert int(first["area"]) == results[0].dense_masks[0].sum()


def test_the_results_file_holds_every_mask(results, tmp_path):
    write(tmp_path, results, video_id=7)
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert tracks
    assert {len(track["segmentations"]) for track in tracks} == {5}
    assert {track["video_id"] for track in tracks} == {7}
    areas = sorted(
        int(coco_mask.area(mask)) for t in tracks for mask in t["segmentations"] if mask is not None
    )
    assert areas == sorted(int(row["area"]) for row in table(tmp_path) if row["area"] != "0")


def test_the_overlay_has_every_frame(results, tmp_path):
    write(tmp_path, results, frames_per_second=10)
    frames = video_frames(tmp_path / "overlay.mp4")
    assert [round(frame.time, 3) for frame in frames] == [0, 0.1, 0.2, 0.3, 0.4]
    assert (frames[0].width, frames[0].height) == (94, 62)  # H.264 wants even sides


def test_the_overlay_can_be_left_out(results, tmp_path):
    write(tmp_path, results, overlay=False)
    assert not (tmp_path / "overlay.mp4").exists()
    assert (tmp_path / "results.json").exists()


def test_an_error_leaves_complete_files_of_the_frames_before_it(results, tmp_path):
    def stop_after_two() -> None:
        with PredictionFiles(tmp_path, results[0].classes) as files:
            files.add(results[0])
            files.add(results[1])
            raise ValueError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        stop_after_two()
    assert len(video_frames(tmp_path / "overlay.mp4")) == 2
    assert {row["frame"] for row in table(tmp_path)} == {"0", "1"}
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert {len(track["segmentations"]) for track in tracks} == {2}
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_named_with_the_frame_and_keeps_what_was_written(
    results, tmp_path, monkeypatch
):
    files = PredictionFiles(tmp_path, results[0].classes)
    files.add(results[0])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files._video, "write", full)
    with pytest.raises(OSError, match="frame 1 cannot be written: No space left on device"):
        files.add(results[1])
    files.__exit__(None, None, None)
    assert len(video_frames(tmp_path / "overlay.mp4")) == 1
    assert {row["frame"] for row in table(tmp_path)} == {"0"}
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert {len(track["segmentations"]) for track in tracks} == {1}
    with pytest.raises(OSError, match="frame 2 cannot be written: frame 1 could not"):
        files.add(results[2])


def noisy_results(count: int, instances: int = 1):
    """Results whose overlay needs some 3 kB a frame."""
    random = np.random.default_rng(0)
    mask = encode(np.tile(np.arange(96) < 48, (64, 1)))
    found = tuple(
        TrackedInstance(track_id, 0, 0.9, (0.0, 0.0, 48.0, 64.0), mask, False)
        for track_id in range(1, instances + 1)
    )
    for index in range(count):
        image = random.integers(0, 256, (64, 96, 3), dtype=np.uint8)
        yield FrameResult(SourceFrame(index, image, None, f"frame {index}"), found, CLASSES)


@contextmanager
def file_limit(size: int):
    """Files can grow to a number of bytes, as on a disk that is then full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def predict_until_full(folder: Path, **settings) -> str:
    """Writes 400 frames as the script does; returns the error's message."""
    with (
        pytest.raises(OSError, match="cannot be written") as error,
        PredictionFiles(folder, CLASSES, **settings) as files,
    ):
        list(overlapped(noisy_results(400), files.add))
    return str(error.value)


def assert_agree(folder: Path, count: int) -> None:
    """The table and the results file hold the same whole frames; nothing else is there."""
    content = (folder / "tracks.csv").read_text()
    assert content.endswith("\n")
    assert [int(row["frame"]) for row in table(folder)] == list(range(count))
    (track,) = json.loads((folder / "results.json").read_text())
    assert len(track["segmentations"]) == count
    assert {path.name for path in folder.iterdir()} == {"tracks.csv", "results.json"}


def open_and_removed(folder: Path) -> list[str]:
    names = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return [name for name in names if name.startswith(str(folder)) and "(deleted)" in name]


def test_an_overlay_without_room_is_given_up_and_the_other_files_agree(tmp_path):
    with file_limit(100_000):
        message = predict_until_full(tmp_path)
    found = re.search(r"frame (\d+) cannot be written: File too large; overlay.mp4 is giv", message)
    assert message.startswith(str(tmp_path))
    assert found
    assert int(found[1]) > 0
    assert_agree(tmp_path, int(found[1]))
    assert not open_and_removed(tmp_path)  # or its room would not be free


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_runs_full_keeps_the_table_and_the_results(small_disk):
    message = predict_until_full(small_disk)
    found = re.search(r"frame (\d+) cannot be written: No space left on device", message)
    assert found
    assert int(found[1]) > 60
    assert_agree(small_disk, int(found[1]))


def test_the_table_is_cut_back_to_its_last_whole_frame(tmp_path):
    files = PredictionFiles(tmp_path, CLASSES)
    with (
        file_limit(1000),
        pytest.raises(OSError, match="cannot be written: File too large") as error,
    ):
        list(map(files.add, noisy_results(400, instances=5)))
    files.__exit__(None, None, None)
    count = int(re.search(r"frame (\d+) cannot", str(error.value))[1])
    rows = table(tmp_path)
    assert len(rows) == 5 * count > 0
    assert rows[-1] == {**rows[0], "frame": str(count - 1), "id": "5"}
    assert len(video_frames(tmp_path / "overlay.mp4")) == count
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert {len(track["segmentations"]) for track in tracks} == {count}


def many_tracks(count: int):
    """Results whose results file is the largest, as each frame has twenty tracks of its own."""
    mask = encode(np.tile(np.arange(96) < 48, (64, 1)))
    for index in range(count):
        ids = range(20 * index + 1, 20 * index + 21)
        found = tuple(TrackedInstance(k, 0, 0.123456789, (0, 0, 48, 64), mask, False) for k in ids)
        frame = SourceFrame(index, np.zeros((64, 96, 3), np.uint8), None, f"frame {index}")
        yield FrameResult(frame, found, CLASSES)


def write_many_tracks(folder: Path, overlay: bool) -> int:
    """Writes until there is no room; returns how many frames were."""
    with (
        pytest.raises(OSError, match="cannot be written") as error,
        PredictionFiles(folder, CLASSES, overlay=overlay) as files,
    ):
        list(overlapped(many_tracks(400), files.add))
    assert "the end" not in str(error.value)
    return files.frames


@pytest.mark.parametrize("overlay", [True, False])
@pytest.mark.parametrize("disk", ["limited", "small"])
def test_a_results_file_that_would_be_the_largest_finds_its_room(overlay, disk, tmp_path, request):
    """The frames end while there is room for it, and all files agree."""
    if disk == "small":
        tmp_path = request.getfixturevalue("small_disk")
        count = write_many_tracks(tmp_path, overlay)
    else:
        with file_limit(100_000):
            count = write_many_tracks(tmp_path, overlay)
    assert count > 10
    assert len(table(tmp_path)) == 20 * count
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert len(tracks) == 20 * count
    assert {len(track["segmentations"]) for track in tracks} == {count}
    names = {path.name for path in tmp_path.iterdir()}
    assert names - {"overlay.mp4"} == {"tracks.csv", "results.json"}


@pytest.mark.parametrize(("length", "free", "said"), [(None, 0, 0), (99, 10**9, 0), (10**6, 0, 1)])
def test_too_little_room_for_the_frames_to_come_is_said_once(
    length, free, said, results, tmp_path, monkeypatch, recwarn
):
    files = PredictionFiles(tmp_path, results[0].classes, length=length)
    monkeypatch.setattr(result_files, "LOOKS", (2,))
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(result_files.shutil, "disk_usage", lambda _: usage)
    for result in results:
        files.add(result)
    files.__exit__(None, None, None)
    messages = [str(warning.message) for warning in recwarn]
    assert len(messages) == said
    assert all("999998 more frames need about" in message for message in messages)


def test_a_large_results_file_is_told_beforehand(tmp_path, monkeypatch):
    """5,000 tracks of a frame each: 5,000 x 5,000 nulls are 125 MB."""
    monkeypatch.setattr(result_files, "LOOKS", (10, 20))
    one_track_each = (replace(r, instances=r.instances[:1]) for r in many_tracks(30))
    with (
        pytest.warns(UserWarning, match="results.json is going to have about 12[56].* MB") as said,
        PredictionFiles(tmp_path, CLASSES, overlay=False, length=5000) as files,
    ):
        list(map(files.add, one_track_each))
    assert len(said) == 1


def test_a_disk_that_is_as_good_as_full_is_a_warning_before_any_frame(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=300_000)
    monkeypatch.setattr(result_files.shutil, "disk_usage", lambda _: usage)
    with pytest.warns(UserWarning, match="only 0.3 MB are free"):
        PredictionFiles(tmp_path, CLASSES)


@pytest.mark.parametrize("name", ["run:1", "http:", "file:a", "a?b#c", "frame%03d", "-x", "ü [1]"])
def test_a_folder_of_any_name_takes_all_files(name, results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path(name), tmp_path / name / "deeper:2"):
        write(folder, results)
        assert {path.name for path in folder.iterdir() if path.is_file()} == set(FILES)
        assert len(video_frames(folder.absolute() / "overlay.mp4")) == 5


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_a_files_place_is_an_error_before_any_work(name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=name):
        PredictionFiles(tmp_path, CLASSES)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_encoder_that_is_not_there_is_an_error_before_any_work(tmp_path, monkeypatch):
    def without(*_: object, **__: object) -> None:
        raise ValueError("Unknown codec 'libx264'")

    monkeypatch.setattr(Mp4Writer, "_open", without)
    with pytest.raises(ValueError, match="libx264"):
        PredictionFiles(tmp_path, CLASSES)
    PredictionFiles(tmp_path, CLASSES, overlay=False)
    assert not list(tmp_path.iterdir())


def test_predicting_again_leaves_nothing_of_the_run_before(results, tmp_path):
    write(tmp_path, results)
    (tmp_path / "notes.txt").touch()
    with PredictionFiles(tmp_path, CLASSES):  # no frame came: all stays
        assert set(os.listdir(tmp_path)) == {*FILES, "notes.txt"}
    assert set(os.listdir(tmp_path)) == {*FILES, "notes.txt"}
    write(tmp_path, results[:2], overlay=False)
    assert set(os.listdir(tmp_path)) == {"results.json", "tracks.csv", "notes.txt"}


def test_an_overlay_that_is_not_ours_is_left_alone(results, tmp_path):
    (tmp_path / "overlay.mp4").write_bytes(b"mine")
    write(tmp_path, results, overlay=False)
    assert (tmp_path / "overlay.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("name", FILES)
def test_a_source_that_would_be_replaced_is_refused(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"{name}: would be replaced and is an input"):
        predict.refuse_inputs(tmp_path, "x.ckpt", f"{tmp_path}/../{tmp_path.name}/{name}")
    predict.refuse_inputs(tmp_path, "x.ckpt", 0, "http://x/overlay.mp4", f"{tmp_path}/other.mp4")


def test_the_overlay_makes_room_for_the_results(tmp_path, monkeypatch):
    save = result_files.save_results

    def save_where_there_is_room(tracks, path: Path) -> None:
        if list(tmp_path.glob("*overlay.mp4*")) or list(tmp_path.glob(".overlay.mp4*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(tracks, path)

    monkeypatch.setattr(result_files, "save_results", save_where_there_is_room)

    def predict_a_hundred() -> None:
        with PredictionFiles(tmp_path, CLASSES) as files:
            for result in noisy_results(100):
                files.add(result)
            raise ValueError("v.mkv: frame 100: the source broke")

    with pytest.raises(OSError, match="the source broke; .*100 frames: overlay.mp4 is given up"):
        predict_a_hundred()
    assert_agree(tmp_path, 100)


def test_an_overlay_that_cannot_be_ended_is_named(tmp_path, monkeypatch):
    def end_without_room() -> None:
        with PredictionFiles(tmp_path, CLASSES) as files:
            for result in noisy_results(3):
                files.add(result)  # the encoder holds them back
            monkeypatch.setattr(result_files, "save_results", limit_then_save)

    save, limits = result_files.save_results, []

    def limit_then_save(tracks, path: Path) -> None:
        save(tracks, path)
        limits.append(file_limit(4000))
        limits[0].__enter__()

    try:
        with pytest.raises(OSError, match="with 3 frames: overlay.mp4 cannot be written: File too"):
            end_without_room()
    finally:
        limits[0].__exit__(None, None, None)
    assert_agree(tmp_path, 3)


def test_no_frame_leaves_nothing(results, tmp_path):
    with PredictionFiles(tmp_path, results[0].classes):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_an_error_before_any_work(results):
    with pytest.raises(OSError, match="nothing"):
        PredictionFiles("/proc/nothing", results[0].classes)


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_script_writes_all_files_of_a_folder_of_images(checkpoint, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / f"{number}.png"), image)
    output = tmp_path / "out"
    done = run(f"checkpoint={checkpoint}", f"source={frames}", f"output={output}", "device=cpu")
    assert done.returncode == 0, done.stderr
    assert "done: 3 frames" in done.stdout
    names = {path.name for path in output.iterdir()}
    assert names == {"overlay.mp4", "results.json", "tracks.csv"}


def test_the_script_names_a_source_that_is_missing(checkpoint, tmp_path):
    done = run(f"checkpoint={checkpoint}", f"source={tmp_path}/no.mp4", f"output={tmp_path}/out")
    assert done.returncode == 2
    assert "no.mp4: source is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_complete_files(checkpoint, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(3000):
        (frames / f"{number}.png").symlink_to(tmp_path / "one.png")
    cv2.imwrite(str(tmp_path / "one.png"), np.full((64, 96, 3), 128, dtype=np.uint8))
    output = tmp_path / "out"
    arguments = [f"checkpoint={checkpoint}", f"source={frames}", f"output={output}", "device=cpu"]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True
    )
    for _ in range(3000):  # until frames are being written
        if list(output.glob(".tracks.csv*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted after" in text
    frames_done = int(text.split("interrupted after ")[1].split()[0])
    assert 0 < frames_done < 3000
    assert len(video_frames(output / "overlay.mp4")) == frames_done
    tracks = json.loads((output / "results.json").read_text())
    assert {len(track["segmentations"]) for track in tracks} == {frames_done}


def settings_of_predict(**given: object) -> DictConfig:
    settings = OmegaConf.load(ROOT / "conf/scripts/predict.yaml")
    return OmegaConf.merge(settings, {name: str(v) for name, v in given.items()})


@pytest.mark.parametrize("number", [n for n in ENDING if n != signal.SIGINT])
def test_signals_that_end_a_process_leave_complete_files_as_ctrl_c_does(
    number, checkpoint, tmp_path, monkeypatch, capsys
):
    def told_in_the_middle():
        for index in range(500):
            if index == 3:
                os.kill(os.getpid(), number)
            yield np.full((64, 96, 3), 128, dtype=np.uint8)

    monkeypatch.setattr(predict, "open_source", lambda *_: open_source(told_in_the_middle()))
    cfg = settings_of_predict(checkpoint=checkpoint, source="", output=tmp_path, device="cpu")
    with pytest.raises(SystemExit) as end:
        unwound("predict", lambda: predict.run(cfg))
    assert end.value.code == 128 + number
    done = int(capsys.readouterr().out.split("interrupted after ")[1].split()[0])
    assert 0 < done < 500
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert len(video_frames(tmp_path / "overlay.mp4")) == done
    tracks = json.loads((tmp_path / "results.json").read_text())
    assert {len(track["segmentations"]) for track in tracks} == {done}
