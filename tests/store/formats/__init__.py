"""What each release has stored, as files: every later version reads, changes and delivers it."""
