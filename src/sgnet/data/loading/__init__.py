"""Data modules and loaders: clip pairs and videos to batches."""
