"""Jobs: stored before they are sent, sent at most once, followed to their end."""
