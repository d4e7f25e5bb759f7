"""The five services. None imports another; between them there are events, and links in pages."""
