"""`python -m jukinet`: the command line."""

from jukinet.cli import main

main()
