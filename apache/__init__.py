"""The link (C), the servers it runs in, and the command that starts them."""
