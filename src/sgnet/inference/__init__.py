"""Frames to tracks: engines, streams, whole splits, and the files they leave."""
