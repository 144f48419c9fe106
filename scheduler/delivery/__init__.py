"""A claim becomes an HTTP request, the request an answer, the answer an outcome."""
