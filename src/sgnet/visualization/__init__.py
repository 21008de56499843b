"""Pictures of tracks, of what the network sees inside, and of training curves."""
