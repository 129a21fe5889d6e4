"""Merkle trees as in RFC 6962 section 2: roots, inclusion proofs, consistency proofs (EVS-16)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gonogo.values import dataclass

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
EMPTY: Final = hashlib.sha256(b"").digest()


def leaf_digest(line: bytes) -> bytes:
    """The leaf of a log line, taken without its LF."""
    return hashlib.sha256(LEAF + line.removesuffix(b"\n")).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes."""
    return hashlib.sha256(NODE + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf digests; that of nothing is the SHA-256 of nothing."""
    sha256 = hashlib.sha256
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(NODE + left + right).digest() for left, right in pairs] + level[len(level) & ~1 :]
    return level[0] if level else EMPTY


def root_over(lines: Iterable[bytes]) -> bytes:
    """The root over log lines, each with its LF."""
    sha256 = hashlib.sha256
    return root_of([sha256(LEAF + line[:-1]).digest() for line in lines])


def prefix_roots(leaves: Iterable[bytes], sizes: Iterable[int]) -> Mapping[int, bytes]:
    """The root of each prefix of `leaves` whose length is in `sizes`, in one pass; beyond the end there is none."""
    wanted = frozenset(sizes)
    found: dict[int, bytes] = {0: EMPTY} if 0 in wanted else {}
    # The complete subtrees to the left, biggest first: one for each set bit of the number of leaves so far.
    frontier: list[bytes] = []
    for count, leaf in enumerate(leaves, start=1):
        node, number = leaf, count
        while not number & 1:
            node = node_digest(frontier.pop(), node)
            number >>= 1
        frontier.append(node)
        if count in wanted:
            found[count] = _folded(frontier)
    return found


@dataclass(frozen=True, slots=True)
class Frontier:
    """What has to be remembered of a log to go on with its tree: the complete subtrees to the left, biggest first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def grown(self, lines: Iterable[bytes]) -> Frontier:
        """The frontier after further log lines, each with its LF."""
        size, nodes = self.size, list(self.nodes)
        for line in lines:
            size += 1
            node, number = leaf_digest(line), size
            while not number & 1:
                node = node_digest(nodes.pop(), node)
                number >>= 1
            nodes.append(node)
        return Frontier(size, tuple(nodes))

    @property
    def root(self) -> bytes:
        """The root over all lines so far."""
        return _folded(list(self.nodes)) if self.nodes else EMPTY


def _folded(frontier: list[bytes]) -> bytes:
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = node_digest(left, node)
    return node


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The path that shows that leaf `index` is under the root of `leaves`, lowest node first."""
    path: list[bytes] = []
    first, last = 0, len(leaves)
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(root_of(leaves[middle:last]))
            last = middle
        else:
            path.append(root_of(leaves[first:middle]))
            first = middle
    return tuple(reversed(path))


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is number `index` of `size` leaves under `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_digest(step, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_digest(node, step)
        position, last = position >> 1, last >> 1
    return last == 0 and node == root


def consistency_proof(leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    """The nodes that show that the first `old` leaves are a prefix of all `leaves`."""
    if not 0 < old < len(leaves):
        return ()
    path: list[bytes] = []
    first, last, whole = 0, len(leaves), True
    while old - first < last - first:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(root_of(leaves[middle:last]))
            last = middle
        else:
            path.append(root_of(leaves[first:middle]))
            first, whole = middle, False
    if not whole:
        path.append(root_of(leaves[first:last]))
    return tuple(reversed(path))


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is a prefix of that of `size` (RFC 9162 section 2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    if not 0 < old < size:
        return False
    nodes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not nodes:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = nodes[0]
    for step in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_digest(step, before), node_digest(step, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = node_digest(after, step)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == root
