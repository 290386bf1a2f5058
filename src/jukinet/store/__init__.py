"""The store: engines, transactions and files; it knows no people."""
