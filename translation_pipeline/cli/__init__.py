"""The command line: `translation-pipeline …`, and the local servers that it starts."""

from __future__ import annotations


def main() -> None:
    """Run the command that the arguments name."""
    from translation_pipeline.cli.commands import main as run

    run()
