"""Containers: the images' recipe, the reverse proxy's configuration and the secrets that they are given."""
