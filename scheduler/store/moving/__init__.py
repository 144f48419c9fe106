"""A living store is copied into another with any number of partitions: fenced, copied, then opened there."""
