"""Is an output what was asked for? Looked at and listened to, at a bounded number of moments."""
