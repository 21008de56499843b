"""Reading and writing that can fail: checked JSON, segmentations in JSON, whole files or none."""
