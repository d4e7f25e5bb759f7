"""A campaign of random, seeded troubles against the whole product: `python -m tests.chaos.campaign --help`."""
