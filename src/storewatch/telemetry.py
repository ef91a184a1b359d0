"""Logs, metrics and request ids: what is seen from outside."""
