"""Training: the LightningModule, schedules, callbacks, loggers, run folders, sweeps."""
