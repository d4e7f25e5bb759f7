"""The `rujukan` command: thin functions over what the foundation and the services offer."""
