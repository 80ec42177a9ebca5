"""Messages: addresses, headers and MIME bytes. Pure."""
