"""What holds a destination, and what follows from that: pure decisions."""
