"""The poller: claims what is due, has it delivered, settles."""
