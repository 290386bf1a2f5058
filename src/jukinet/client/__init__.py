"""The client (照合): what agency, resident and auditor verify alone, trusting no server."""
