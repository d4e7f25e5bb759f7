"""How the services are run: on one machine, in containers, from the command line."""
