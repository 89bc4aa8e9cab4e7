"""The `effscale` command."""
