"""What the tests stand on: real servers, a clock in the hand, recording receivers, real processes."""
