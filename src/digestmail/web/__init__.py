"""The web pages: thin over the use cases. No script is needed for anything, nobody is tracked."""
