"""The wire: lines, clocks and chance for nodes; nodes themselves have none."""
