"""Directory's pages as a person without JavaScript meets them, through the front door."""
