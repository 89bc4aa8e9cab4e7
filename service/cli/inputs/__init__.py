"""What commands are given: shared options, specification files, tables of networks, recipes."""
