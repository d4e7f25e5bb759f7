"""Logs, metrics and traces, none of which ever holds an identity."""
