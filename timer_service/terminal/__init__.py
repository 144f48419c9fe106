"""`timer-service timer ...`: the service for people at a terminal, and for their scripts, on top of the client."""
