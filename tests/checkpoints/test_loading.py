"""A stranger's checkpoint is refused by file and entry, before anything large is built."""

from __future__ import annotations

import copy
import math
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from builders import save_tiny_checkpoint, tiny_model

from sgnet.checkpoints.loading import load_checkpoint, read_checkpoint, read_tensors, stored_step
from sgnet.checkpoints.weights import load_initial_weights
from sgnet.checkpoints.writing import AtomicCheckpointIO, newest_checkpoint

CLASS_BIAS = "state_dict.model.detection_head.class_logits.bias"
DEEP: list = []
for _ in range(60):
    DEEP = [DEEP, DEEP]  # 2**60 lists to whoever walks them
GONE = object()


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> dict:
    return read_tensors(save_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.ckpt"))


def changed(content: dict, entry: str, value: object, path: Path) -> Path:
    """A file in which one entry is another; dots lead to it."""
    whole = {**content, "sgnet": copy.deepcopy(content["sgnet"])}
    whole["state_dict"] = dict(content["state_dict"])
    *parents, last = entry.split(".", 1) if entry.startswith("state_dict.") else entry.split(".")
    place = whole
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    torch.save(whole, path)
    return path


MUTATIONS = [
    ("sgnet", None, "sgnet must be an object, got null"),
    ("sgnet", DEEP, "sgnet must be an object, got a list"),
    ("sgnet.format", GONE, "sgnet: format must be"),
    ("sgnet.format", "1", "sgnet: format must be"),
    ("sgnet.format", 2, "sgnet: format must be 1 "),
    ("sgnet.model", GONE, "sgnet: model must be"),
    ("sgnet.model", DEEP, "sgnet: model must be"),
    ("sgnet.model._target_", "os.system", "sgnet.model: _target_ must be one of"),
    ("sgnet.model._target_", ["sgnet"], "sgnet.model: _target_ must be one of"),
    ("sgnet.model._target_", "sgnet.models.MaskHead", "sgnet.model: _target_ must be one of"),
    ("sgnet.model.backbone", GONE, "sgnet.model.backbone must be there"),
    ("sgnet.model.backbone", None, "sgnet.model.backbone must be a mapping"),
    ("sgnet.model.backbone._target_", "sgnet.models.SGNet", "sgnet.model.backbone: _target_"),
    ("sgnet.model.backbone.depth", 10**8, "sgnet.model.backbone.depth must be one of"),
    ("sgnet.model.backbone.depth", [18], "sgnet.model.backbone.depth must be one of"),
    ("sgnet.model.backbone.channels", 10**6, "sgnet.model.backbone.channels must be"),
    ("sgnet.model.backbone.channels", 24, "sgnet.model.detection_head.channels must be"),
    ("sgnet.model.backbone.frozen_stages", -1, "sgnet.model.backbone.frozen_stages must be"),
    ("sgnet.model.backbone.norm", {}, "sgnet.model.backbone.norm must be one of"),
    ("sgnet.model.backbone.norm", "batch", "must be there, got nothing"),
    ("sgnet.model.backbone.code", "x", "sgnet.model.backbone: .* the unknown 'code'"),
    ("sgnet.model.detection_head.tower_depth", 10**8, "detection_head.tower_depth must be"),
    ("sgnet.model.detection_head.tower_depth", 2, "must be there, got nothing"),
    ("sgnet.model.detection_head.tower_depth", 0, "has no place in the network"),
    ("sgnet.model.detection_head.num_classes", 10**9, "detection_head.num_classes must be"),
    ("sgnet.model.detection_head.num_classes", 50_000, "categories must have 50000 entries"),
    ("sgnet.model.detection_head.num_classes", 3.0, "detection_head.num_classes must be"),
    ("sgnet.model.detection_head.prior_probability", 1.0, "prior_probability must be"),
    ("sgnet.model.detection_head.initial_distance", math.inf, "initial_distance must be"),
    ("sgnet.model.mask_head.cell_size", math.nan, "sgnet.model.mask_head.cell_size must .* NaN"),
    ("sgnet.model.mask_head.grid", 10**4, "sgnet.model.mask_head.grid must be"),
    ("sgnet.model.mask_head.hidden_channels", 8192, "must be \\(8192"),
    ("sgnet.model.mask_head.levels", DEEP, "sgnet.model.mask_head.levels must be"),
    ("sgnet.model.mask_head.levels", 3, "sgnet.model.mask_head.levels must be"),
    ("sgnet.model.mask_head.upsample", 0, "sgnet.model.mask_head.upsample must be"),
    ("sgnet.model.tracking_head.tracking_input", 1, "tracking_head.tracking_input must be"),
    ("sgnet.model.location_offset", math.nan, "sgnet.model.location_offset must be"),
    ("sgnet.model.location_offset", 7, "sgnet.model.location_offset must be"),
    ("sgnet.decoder", None, "sgnet: decoder must be"),
    ("sgnet.decoder.top_k", -1, "sgnet.decoder.top_k must be an integer .* got -1"),
    ("sgnet.decoder.top_k", 10**30, "sgnet.decoder.top_k must be .* beyond 64 bits"),
    ("sgnet.decoder.max_detections", "many", "sgnet.decoder.max_detections must be"),
    ("sgnet.decoder.score_threshold", math.nan, "sgnet.decoder.score_threshold must .* got NaN"),
    ("sgnet.decoder.nms_threshold", 1.5, "sgnet.decoder.nms_threshold must be"),
    ("sgnet.decoder._target_", "sgnet.tracking.MovementTracker", "sgnet.decoder: _target_"),
    ("sgnet.tracker.max_age", 2.5, "sgnet.tracker.max_age must be"),
    ("sgnet.tracker.radius_scale", math.nan, "sgnet.tracker.radius_scale must be"),
    ("sgnet.tracker.class_aware", "no", "sgnet.tracker.class_aware must be true or false"),
    ("sgnet.tracker.point", DEEP, "sgnet.tracker.point must be one of"),
    ("sgnet.categories", GONE, "sgnet: categories must be a list"),
    ("sgnet.categories", [], "categories must have 3 entries .* got 0"),
    ("sgnet.categories", [{"id": 1, "name": "a"}], "categories must have 3 entries .* got 1"),
    ("sgnet.categories", "abc", "sgnet: categories must be a list"),
    ("sgnet.categories.1", 7, "sgnet.categories\\[1\\] must be an object"),
    ("sgnet.categories.1.id", "2", "sgnet.categories\\[1\\]: id must be"),
    ("sgnet.categories.1.id", 1, "sgnet.categories\\[1\\]: id must be unique"),
    ("sgnet.categories.2.name", "a", "sgnet.categories\\[2\\].*name must be unique"),
    ("sgnet.categories.2.name", None, "sgnet.categories\\[2\\].*name must be"),
    ("sgnet.input_size", None, "sgnet: input_size must be two integers"),
    ("sgnet.input_size", [64], "sgnet: input_size must be two integers"),
    ("sgnet.input_size", [64, 90], "sgnet: input_size must be .* multiples of 8"),
    ("sgnet.input_size", [64, "96"], "sgnet: input_size\\[1\\] must be"),
    ("sgnet.input_size", [8 * 10**6, 96], "sgnet: input_size\\[0\\] must be"),
    ("state_dict", GONE, "state_dict must hold tensors by name"),
    ("state_dict", {}, "must be there, got nothing"),
    (CLASS_BIAS, "text", "state_dict must hold tensors by name"),
    (CLASS_BIAS, torch.tensor([0.0, math.nan, 1.0]), f"{CLASS_BIAS} must be finite .* got nan"),
    (CLASS_BIAS, torch.tensor([0.0, -math.inf, 1.0]), f"{CLASS_BIAS} must be finite .* got -inf"),
    (CLASS_BIAS, torch.tensor([0.0, 1e300, 1.0]).double() * 1e300, f"{CLASS_BIAS} must be finite"),
    (CLASS_BIAS, torch.zeros(4), f"{CLASS_BIAS} must be \\(3,\\)"),
    (CLASS_BIAS, torch.zeros(1).expand(10**10), f"{CLASS_BIAS} must be as large as the file's"),
    (CLASS_BIAS, torch.zeros(3, device="meta"), "not a readable|must be a plain tensor"),
    (CLASS_BIAS, torch.zeros(3).to_sparse(), "not a readable|must be a plain tensor"),
]


@pytest.mark.parametrize(("entry", "value", "words"), MUTATIONS)
def test_every_entry_is_checked_where_a_checkpoint_is_read(content, tmp_path, entry, value, words):
    path = changed(content, entry, value, tmp_path / "crafted.ckpt")
    with pytest.raises(ValueError, match=words) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < len(str(path)) + 500


def test_the_unchanged_file_is_taken(content, tmp_path):
    torch.save(content, tmp_path / "same.ckpt")
    assert load_checkpoint(tmp_path / "same.ckpt").input_size == (64, 96)


def test_a_checkpoint_from_before_trackers_had_costs_tracks_without(content, tmp_path):
    content["sgnet"]["tracker"] = {"_target_": "sgnet.tracking.MovementTracker", "max_age": 4}
    torch.save(content, tmp_path / "old.ckpt")
    settings = load_checkpoint(tmp_path / "old.ckpt").tracker.settings
    assert (settings["class_cost"], settings["size_cost"], settings["max_age"]) == (0, 0, 4)
    told = load_checkpoint(tmp_path / "old.ckpt", tracker={"class_cost": 0.5}).tracker.settings
    assert (told["class_cost"], told["size_cost"]) == (0.5, 0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"decoder": {"top_k": -1}}, "^decoder.top_k must be"),
        ({"decoder": {"topk": 1}}, "^decoder: .* unknown 'topk'"),
        ({"tracker": {"max_age": 2.5}}, "^tracker.max_age must be"),
    ],
)
def test_a_users_setting_is_told_by_its_own_name(content, tmp_path, settings, words):
    torch.save(content, tmp_path / "same.ckpt")
    with pytest.raises(ValueError, match=words):
        load_checkpoint(tmp_path / "same.ckpt", **settings)


READERS = {
    "weights": lambda path: load_initial_weights(tiny_model(), str(path), ["a", "b", "c"]),
    "resume": lambda path: AtomicCheckpointIO().load_checkpoint(path),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused_by_all_who_read_them(
    content, tmp_path, reader, value
):
    bias = torch.tensor([0.0, value, 1.0])
    path = changed(content, CLASS_BIAS, bias, tmp_path / "crafted.ckpt")
    with pytest.raises(ValueError, match=f"crafted.ckpt: {CLASS_BIAS} must be finite numbers"):
        READERS[reader](path)


def test_a_variance_below_zero_is_refused(tmp_path):
    torch.save({"bn1.running_var": torch.tensor([-1.0])}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: bn1.running_var must be variances of at least"):
        load_initial_weights(tiny_model(), str(tmp_path / "a.pth"))


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        ("sgnet.categories", [{"id": 1, "name": "a"}], "categories must have 3 entries"),
        ("sgnet.categories", None, "categories must be a list"),
        ("sgnet.model.location_offset", "middle", "model.location_offset must be a number"),
        ("sgnet.format", 9, "format must be 1"),
    ],
)
def test_weights_to_start_from_pass_the_same_checks(content, tmp_path, entry, value, words):
    path = changed(content, entry, value, tmp_path / "crafted.ckpt")
    with pytest.raises(ValueError, match=f"crafted.ckpt: sgnet.*{words}"):
        load_initial_weights(tiny_model(), str(path), ["a", "b", "c"])


@pytest.mark.parametrize("value", ["text", math.nan, -1, None, True, GONE])
def test_a_bad_step_is_told_and_its_checkpoint_left_out(content, tmp_path, caplog, value):
    whole = {**content, "global_step": 3}
    torch.save(whole, tmp_path / "good.ckpt")
    changed(whole, "global_step", value, tmp_path / "odd.ckpt")
    with pytest.raises(ValueError, match="odd: global_step must be an integer"):
        stored_step(read_tensors(tmp_path / "odd.ckpt"), "odd")
    assert newest_checkpoint(tmp_path) == tmp_path / "good.ckpt"
    assert ("odd.ckpt: global_step must be an integer" in caplog.text) == (value is not GONE)


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "call", [Call(bytearray, 2 * 10**9), Call(torch.FloatTensor, 10**5, 10**5)], ids=["b", "t"]
)
def test_a_few_bytes_never_become_gigabytes(tmp_path, zipped, call):
    path = tmp_path / "bomb.ckpt"
    torch.save({"sgnet": call}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"bomb.ckpt: not a readable .* got '\S+ \w+'"):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", ["packed", "overlapping"])
def test_records_that_unpack_to_more_than_the_file_are_refused(content, tmp_path, kind):
    torch.save(content, tmp_path / "tiny.ckpt")
    path = tmp_path / "bomb.ckpt"
    if kind == "packed":
        with (
            zipfile.ZipFile(tmp_path / "tiny.ckpt") as read,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written,
        ):
            pickled = next(n for n in read.namelist() if n.endswith("/data.pkl"))
            written.writestr(pickled, read.read(pickled))
            written.writestr("archive/data/big", bytes(2**26))
    else:
        with zipfile.ZipFile(path, "w") as written:
            written.writestr("archive/data/0", bytes(2**16))
            first = written.infolist()[0]
            for number in range(1, 20):
                again = copy.copy(first)
                again.filename = f"archive/data/{number}"
                written.filelist.append(again)
    words = "packed record" if kind == "packed" else "records of"
    with pytest.raises(ValueError, match=f"bomb.ckpt: not a readable checkpoint.*{words}"):
        read_checkpoint(path)


def test_tensors_that_share_their_numbers_are_refused(content, tmp_path):
    numbers = torch.zeros(10**4)
    tensors = {f"a{i}": numbers.view(-1) for i in range(50)}
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="must have numbers of its own"):
        load_initial_weights(tiny_model(), str(tmp_path / "a.pth"))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02", pickle.dumps([1])])
def test_torn_and_foreign_files_are_refused(tmp_path, data):
    path = tmp_path / "torn.ckpt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": not a readable checkpoint"):
        read_checkpoint(path)


def both_kinds(content: dict, path: Path, said: object = GONE) -> Path:
    """A checkpoint whose other weights are another network's; `said` stands in its description."""
    raw = {name: value + 1 for name, value in content["state_dict"].items()}
    description = {**content["sgnet"], **({} if said is GONE else {"weights": said})}
    other = "average_model_state" if said == "raw" else "current_model_state"
    torch.save({**content, "sgnet": description, other: raw}, path)
    return path


@pytest.mark.parametrize(
    ("said", "wanted", "added"),
    [
        (GONE, None, 0),  # of before the description said so
        (GONE, "averaged", 0),
        (GONE, "raw", 1),
        ("averaged", None, 0),
        ("averaged", "raw", 1),
        ("raw", None, 0),
        ("raw", "raw", 0),
        ("raw", "averaged", 1),
    ],
)
def test_either_kind_of_weights_is_loaded(content, tmp_path, said, wanted, added):
    path = both_kinds(content, tmp_path / "both.ckpt", said)
    found = load_checkpoint(path, weights=wanted).model.detection_head.class_logits.bias
    own = content["state_dict"]["model.detection_head.class_logits.bias"]
    torch.testing.assert_close(found.detach(), own + added)


def test_weights_that_are_not_there_are_refused(content, tmp_path):
    path = save_tiny_checkpoint(tmp_path / "one.ckpt")
    assert load_checkpoint(path, weights="raw")
    with pytest.raises(ValueError, match=r"one.ckpt: expected averaged weights, got raw ones"):
        load_checkpoint(path, weights="averaged")
    with pytest.raises(ValueError, match=r"weights must be one of .* got 'ema'"):
        load_checkpoint(path, weights="ema")
    path = both_kinds(content, tmp_path / "both.ckpt", "best")
    with pytest.raises(ValueError, match="sgnet: weights must be one of .* got 'best'"):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", ["state_dict", "current_model_state"])
def test_both_kinds_are_checked_before_a_run_goes_on(content, tmp_path, kind):
    whole = torch.load(both_kinds(content, tmp_path / "both.ckpt"), weights_only=True)
    whole[kind]["model.detection_head.class_logits.bias"][1] = math.nan
    torch.save(whole, tmp_path / "nan.ckpt")
    with pytest.raises(ValueError, match=f"{kind}.model.detection_head.class_logits.bias must be"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "nan.ckpt")
