"""SG-Net: one-stage video instance segmentation (CVPR 2021)."""

__version__ = "0.1.0"
