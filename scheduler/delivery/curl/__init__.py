"""Delivery by libcurl: one thread, thousands of requests under way."""
