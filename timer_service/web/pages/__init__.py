"""The page for people: what is late and why, what waits, what failed, and a form to try it out."""
