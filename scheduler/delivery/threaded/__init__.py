"""Delivery by requests, in threads: where libcurl cannot be installed."""
