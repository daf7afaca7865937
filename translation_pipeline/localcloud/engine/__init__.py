"""The media work: reading, erasing, translating and burning in captions."""
