"""Clip pairs: which frames, how they are read, transformed, mixed and stacked."""
