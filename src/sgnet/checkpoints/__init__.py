"""Checkpoints that load alone, their writing, and first weights from elsewhere."""
