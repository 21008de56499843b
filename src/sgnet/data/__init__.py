"""Data: format reader, clip pairs, whole videos and the embedded benchmark."""
