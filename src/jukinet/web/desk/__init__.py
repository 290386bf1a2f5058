"""Desk (窓口): clerks look up records and take notifications."""
