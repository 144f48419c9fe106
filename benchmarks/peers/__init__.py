"""What users would otherwise pick, doing the same work; each file runs in an environment of its own."""
