"""The change feed (通知): from one node to another, exactly once and in order."""
