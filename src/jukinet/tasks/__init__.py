"""Tasks: what the command line does, put together from nodes, lines and worlds."""
