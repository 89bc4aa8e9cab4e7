"""`python -m service.cli`, the same as the `effscale` command."""

from service.cli import main

main()
