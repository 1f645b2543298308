"""The peers' figures beside ours: every one in its own environment of pinned versions."""
