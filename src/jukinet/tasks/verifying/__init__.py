"""Verify (検証): everything in a folder is recomputed, and what differs is named."""
