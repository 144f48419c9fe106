"""Ended timers in SQL: the tables, what writes them, and what reads them."""
