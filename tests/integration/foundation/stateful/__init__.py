"""Random histories of journal, relay and worker against a model in memory, for test_stateful.py.

`model` is what is promised, `world` the real side; what may happen in a history stands in `clients`, `parts`,
`operators` and `outages`, and `verdict` compares the two after each step. `history` is what they all work on.
"""
