from __future__ import annotations

import pytest
import torch
from torchvision.models.detection import fcos_resnet50_fpn
from torchvision.models.detection.fcos import FCOSHead

from sgnet.checkpoints.weights.pretrained import load_torchvision_fcos
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.postprocess import DetectionDecoder

NUM_CLASSES = 7
SIZES = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
PREFIXES = {
    "classification_head.conv": "class_tower",
    "classification_head.cls_logits": "class_logits",
    "regression_head.conv": "box_tower",
    "regression_head.bbox_reg": "box_distances",
    "regression_head.bbox_ctrness": "centerness",
}


def heads_with_equal_weights(channels: int) -> tuple[DetectionHead, FCOSHead]:
    theirs = FCOSHead(channels, num_anchors=1, num_classes=NUM_CLASSES, num_convs=4)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    renamed = {}
    for name, value in theirs.state_dict().items():
        prefix = next(p for p in PREFIXES if name.startswith(p))
        renamed[PREFIXES[prefix] + name[len(prefix) :]] = value
    ours = DetectionHead(channels, NUM_CLASSES)
    ours.load_state_dict(renamed)
    return ours.eval(), theirs.eval()


@pytest.mark.parametrize("seed", [0, 1, 2])
@torch.no_grad()
def test_the_head_equals_torchvisions_on_all_levels(seed):
    torch.manual_seed(seed)
    ours, theirs = heads_with_equal_weights(64)
    features = [torch.randn(2, 64, *size) for size in SIZES]
    expected = theirs(features)

    def flat(maps):
        return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)

    maps = [ours(feature) for feature in features]
    pairs = {
        "cls_logits": flat([m.class_logits for m in maps]),
        "bbox_regression": flat([m.distances_ltrb for m in maps]),
        "bbox_ctrness": flat([m.centerness_logits for m in maps]),
    }
    for name, value in pairs.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-5)


def fcos_and_ours(num_classes: int = 9):
    torch.manual_seed(3)
    theirs = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=num_classes)
    for name, parameter in theirs.head.named_parameters():
        if "cls_logits" in name or "bbox_reg." in name or "bbox_ctrness" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    ours = SGNet(
        ResNetFPN(50, 256, "frozen_batch"),
        DetectionHead(256, num_classes),
        MaskHead(256, grid=2, hidden_channels=8),
        TrackingHead(256),
        location_offset=0.0,
    )
    return theirs.eval(), ours.eval()


@torch.no_grad()
def test_torchvisions_fcos_loads_whole_and_detects_the_same():
    theirs, ours = fcos_and_ours()
    left = load_torchvision_fcos(ours, theirs.state_dict())
    assert all(name.startswith(("mask_head.", "tracking_head.")) for name in left)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    normalised = (images - ours.mean) / ours.std
    features = list(theirs.backbone(normalised).values())
    head = theirs.head(features)
    anchors = theirs.anchor_generator(_image_list(normalised), features)
    per_level = [f.shape[-2] * f.shape[-1] for f in features]
    split = {k: list(v.split(per_level, dim=1)) for k, v in head.items()}
    theirs.score_thresh, theirs.topk_candidates = 0.1, 60
    expected = theirs.postprocess_detections(
        split, [list(a.split(per_level)) for a in anchors], [(64, 96)] * 2
    )
    decoder = DetectionDecoder(0.1, 60, theirs.nms_thresh, theirs.detections_per_img)
    for image, wanted in zip(images, expected, strict=True):
        found = decoder(ours(image[None]), (64, 96))[0]
        assert found.scores.shape[0] > 5
        torch.testing.assert_close(found.scores, wanted["scores"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.boxes_xyxy, wanted["boxes"], rtol=1e-4, atol=1e-3)
        assert torch.equal(found.labels, wanted["labels"])


def test_other_weights_are_refused_by_name():
    _, ours = fcos_and_ours()
    with pytest.raises(ValueError, match="roi_heads.x"):
        load_torchvision_fcos(ours, {"roi_heads.x": torch.zeros(1)})


def test_another_number_of_classes_leaves_only_the_class_logits():
    theirs, _ = fcos_and_ours(num_classes=9)
    _, ours = fcos_and_ours(num_classes=4)
    left = load_torchvision_fcos(ours, theirs.state_dict())
    detection = [name for name in left if not name.startswith(("mask_head.", "tracking_head."))]
    assert detection == ["detection_head.class_logits.weight", "detection_head.class_logits.bias"]


def test_no_class_is_refused():
    with pytest.raises(ValueError, match="num_classes"):
        DetectionHead(16, 0)


def _image_list(images):
    from torchvision.models.detection.image_list import ImageList

    return ImageList(images, [(images.shape[-2], images.shape[-1])] * images.shape[0])


@torch.no_grad()
def test_a_new_head_begins_with_its_prior_and_boxes_of_its_first_size():
    torch.manual_seed(0)
    head = DetectionHead(16, 3, prior_probability=0.05, initial_distance=2.5)
    maps = head(torch.randn(2, 16, 8, 12))
    probabilities = maps.class_logits.sigmoid()
    assert float(probabilities.mean()) == pytest.approx(0.05, rel=0.1)
    assert float(maps.distances_ltrb.mean()) == pytest.approx(2.5, rel=0.1)
    assert float(maps.distances_ltrb.min()) > 0  # none begins where its ReLU is flat
