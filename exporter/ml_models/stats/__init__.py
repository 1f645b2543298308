"""Pure functions on count arrays: binning, drift, quality, performance, latency, intervals."""
