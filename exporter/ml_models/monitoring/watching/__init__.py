"""Watching data that grow: which files are new, what of them is counted, and a checkpoint that keeps both in step."""
