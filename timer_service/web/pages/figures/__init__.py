"""What is read of the store once for all who look."""
