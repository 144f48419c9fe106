"""What a client may send: read, checked, and made into drafts and queries."""
