"""Comparing names as people in Indonesia write them: skeletons, compound blocks, and the order of what was found.

Pure: it opens nothing, stores nothing and holds no key of its own.
"""

from shared.names.blocks import OneMoreFact, Person, SearchKey, blocks_to_find, blocks_to_keep
from shared.names.ranking import closeness, rank
from shared.names.skeleton import skeletons, tokens

__all__ = [
    "OneMoreFact",
    "Person",
    "SearchKey",
    "blocks_to_find",
    "blocks_to_keep",
    "closeness",
    "rank",
    "skeletons",
    "tokens",
]
