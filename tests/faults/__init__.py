"""The place where everything goes wrong: faults on a seeded schedule, and a checker over the recorded history."""
