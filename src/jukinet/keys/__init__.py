"""Keys: signing, sealing, numbering and spelling; they know no people."""
