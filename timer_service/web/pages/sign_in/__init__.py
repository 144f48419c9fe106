"""Who may look: sessions of those that signed in with a key, and the guard before every view."""
