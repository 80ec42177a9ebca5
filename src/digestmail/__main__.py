"""``python -m digestmail`` is the ``digestmail`` command."""

from digestmail.cli import main

if __name__ == "__main__":
    main()
