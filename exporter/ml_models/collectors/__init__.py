"""From tallies to metrics: sliding windows and one collector per concern."""
