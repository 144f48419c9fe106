"""Delivery over sockets of our own: one thread, thousands of requests under way."""
