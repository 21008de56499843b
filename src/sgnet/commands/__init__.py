"""What `sgnet COMMAND`, train.py and scripts/ run: one module a command."""
