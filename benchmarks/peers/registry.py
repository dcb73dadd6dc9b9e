"""All contenders, in the order of the tables."""

from peers import engines, fynxed, incr_collections, incr_nodes, observed, pathways, skstore
from peers.base import Peer
from peers.ours import OURS
from peers.plain import CALLING, PLAIN
from peers.sqlite import JOURNALLED, SQLITE


def all_peers() -> list[Peer]:
    return [
        OURS,
        PLAIN,
        CALLING,
        SQLITE,
        JOURNALLED,
        *incr_nodes.peers(),
        incr_collections.peer(),
        observed.peer(),
        fynxed.peer(),
        pathways.peer(),
        skstore.peer(),
        *engines.peers(),
    ]
