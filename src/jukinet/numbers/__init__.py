"""One module per number; in each the same words: parse, complete, check_digit, masked."""
