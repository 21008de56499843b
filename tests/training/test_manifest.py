"""What a run says about itself."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from sgnet.training.manifest import SplitFiles, git_state, write_manifest


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("one = 1\n")
    git(folder, "add", "a.py")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_clean_checkout_is_its_commit(repository):
    state, patch = git_state(repository)
    assert state == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "diff_sha256": None,
        "unknown_files": [],
    }
    assert patch == b""


def test_changes_and_unknown_files_are_told_and_the_patch_restores_them(repository, tmp_path):
    (repository / "a.py").write_bytes(b"one = 2  # \xe9\n")  # no UTF-8
    (repository / "b.py").write_text("")
    annotations = tmp_path / "train.json"
    annotations.write_text("{}")
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("b", "a"):
        (frames / name).write_text(f"frame {name}{name}")
    split = SplitFiles(annotations, frames, ["b", "a"])
    write_manifest(tmp_path, 3, {"train": split}, repository)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["git"]["unknown_files"] == ["b.py"]
    assert manifest["seed"] == 3
    assert manifest["data"]["train"]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert manifest["data"]["train"]["frames"] == {
        "files": 2,
        "bytes": 16,
        "names_and_sizes_sha256": hashlib.sha256(b"a\x008\nb\x008\n").hexdigest(),
    }
    git(repository, "checkout", "a.py")
    git(repository, "apply", str(tmp_path / "uncommitted.patch"))
    assert (repository / "a.py").read_bytes() == b"one = 2  # \xe9\n"


def test_what_an_earlier_part_of_a_run_said_stays(tmp_path):
    annotations = tmp_path / "train.json"
    annotations.write_text("{}")
    for seed in (1, 2, 3):
        write_manifest(tmp_path, seed, {"train": SplitFiles(annotations, tmp_path, [])}, tmp_path)
    names = ("manifest.before-000.json", "manifest.before-001.json", "manifest.json")
    assert [json.loads((tmp_path / name).read_text())["seed"] for name in names] == [1, 2, 3]


def test_outside_of_git_there_is_no_commit(tmp_path):
    assert git_state(tmp_path) == (None, b"")
