"""Applications that are run by the tests, in tests/tasks/test_examples.py and tests/django/test_example.py."""
