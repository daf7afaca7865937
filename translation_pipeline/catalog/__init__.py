"""WHAT to translate: the catalog file, the videos in OSS, addresses and partition keys."""
