"""Annotation files: readers, writers, splits by name, categories."""
