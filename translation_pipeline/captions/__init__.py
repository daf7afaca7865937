"""SRT as a pure domain: bytes in, cues and findings out; no I/O."""
