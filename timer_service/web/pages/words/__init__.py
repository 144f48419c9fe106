"""How the page says numbers, moments, failures, destinations and requests. Nothing here knows Flask."""
