"""Text of papers and of people: cleaning, tokens, identity. Pure."""
