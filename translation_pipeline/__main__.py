"""`python -m translation_pipeline`: the command line without its installed script."""

from translation_pipeline.cli import main

if __name__ == "__main__":
    main()
