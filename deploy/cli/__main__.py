"""Lets `python -m deploy.cli` be the `rujukan` command."""

from deploy.cli.main import main

main()
