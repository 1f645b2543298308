"""Settings of all tests."""

import os

from hypothesis import settings

# In continuous integration the same examples every time: a change fails for what it changes.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
