"""HOW to reach a paid service: wire calls and vocabulary only."""
