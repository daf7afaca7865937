"""What happens to each video: sources, captions, review, translation, verification."""
