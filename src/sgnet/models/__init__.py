"""Networks: tensors in, dense outputs out."""

from sgnet.models.backbone import ResNetFPN
from sgnet.models.detection_head import DetectionHead
from sgnet.models.mask_head import MaskHead
from sgnet.models.sgnet import SGNet
from sgnet.models.timm_backbone import TimmFPN
from sgnet.models.tracking_head import TrackingHead

__all__ = ["DetectionHead", "MaskHead", "ResNetFPN", "SGNet", "TimmFPN", "TrackingHead"]
