"""Results files and the YouTube-VIS metric."""
