"""The fault lab on a real cluster: `python -m tests.faults.cluster.run`."""
