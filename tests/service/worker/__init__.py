"""The worker, with a fake API or a fake trainer."""
