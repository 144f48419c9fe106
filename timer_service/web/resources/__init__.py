"""One module a resource; a view is: load, one store call, dump."""
