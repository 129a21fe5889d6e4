"""Strict YAML by nodes: every value keeps its line and column, every scalar stays text until a schema types it.

Refused: anchors, aliases, tags, merge keys, directives, duplicate keys, several documents, more than 256 KiB or 16
levels. `1.10` stays `1.10` and `no` stays `no` (trust section 15; compiler section 11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.resolver import BaseResolver

from gonogo.errors import BadInput
from gonogo.findings import Origin
from gonogo.values import dataclass

MOST_BYTES = 256 * 1024
MOST_DEPTH = 16
MOST_KEPT = 32
"""A run reads the same few files before each act: what was read from the same bytes is not read again."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A plain or quoted scalar; `quoted` tells `"5"` from `5`. An empty plain scalar is `""`."""

    text: str
    quoted: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple[Node, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping in document order, with the place of each key."""

    values: Mapping[str, Node]
    keys: Mapping[str, Origin]
    origin: Origin


Node: TypeAlias = Scalar | Items | Pairs

_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_REFUSED: Mapping[type[yaml.Token], str] = {
    yaml.AnchorToken: "anchors (&name)",
    yaml.AliasToken: "aliases (*name)",
    yaml.TagToken: "tags (!name)",
    yaml.DirectiveToken: "directives (%NAME)",
}


@lru_cache(maxsize=MOST_KEPT)
def read_yaml(data: bytes, file: str) -> Node:
    """Parse one strict YAML document; BadInput with file, line and column otherwise."""
    text = _decoded(data, file)
    try:
        node = _Composed(_tokens(text, file)).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise BadInput(f"not valid YAML: {error.problem}", where=where, next_step="repair this line") from error
    except yaml.YAMLError as error:
        raise BadInput(f"not valid YAML: {error}", where=file, next_step="repair the file") from error
    except RecursionError as error:
        raise _too_deep(file) from error
    if node is None:
        raise BadInput("the file is empty", where=file, next_step="write the settings it should hold")
    return _converted(node, file, 0)


class _Composed(Parser, Composer, BaseResolver):
    """PyYAML's parser and composer over tokens that are there already: its loader would scan the text once more."""

    def __init__(self, tokens: Sequence[yaml.Token]) -> None:
        self._tokens = tokens
        self._at = 0
        for part in (Parser, Composer, BaseResolver):
            part.__init__(self)

    def check_token(self, *kinds: type[yaml.Token]) -> bool:
        """Whether a token follows, of one of `kinds` where any are named."""
        return self._at < len(self._tokens) and (not kinds or isinstance(self._tokens[self._at], kinds))

    def peek_token(self) -> yaml.Token:
        """The token that follows; it stays there. The parser asks only where one does."""
        return self._tokens[self._at]

    def get_token(self) -> yaml.Token:
        """The token that follows, taken away."""
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str, file: str) -> list[yaml.Token]:
    found, depth = [], 0
    for token in yaml.scan(text):
        _refuse_token(token, file)
        # Counted here, because what a scanner keeps for each open bracket makes deep nesting quadratic.
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MOST_DEPTH + 1:
            raise _too_deep(file)
        found.append(token)
    return found


def _decoded(data: bytes, file: str) -> str:
    if len(data) > MOST_BYTES:
        raise BadInput(f"{len(data)} bytes; the limit is {MOST_BYTES}", where=file, next_step="split the file")
    if data.count(b"[") + data.count(b"{") > 20_000:
        raise _too_deep(file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"byte 0x{data[error.start]:02X} is not UTF-8", where=f"{file}:{line}", next_step="save the file as UTF-8"
        ) from error


def _too_deep(file: str) -> BadInput:
    return BadInput(f"nested deeper than {MOST_DEPTH} levels", where=file, next_step="flatten the structure")


def _refuse_token(token: yaml.Token, file: str) -> None:
    refused = _REFUSED.get(type(token))
    if refused:
        mark = token.start_mark
        raise BadInput(
            f"{refused} are not allowed here",
            where=f"{file}:{mark.line + 1}:{mark.column + 1}",
            next_step="write the value out",
        )


def _origin(node: yaml.Node, file: str) -> Origin:
    mark = node.start_mark
    return Origin(file, mark.line + 1, mark.column + 1)


def _converted(node: yaml.Node, file: str, depth: int) -> Node:
    if depth > MOST_DEPTH:
        raise _too_deep(file)
    origin = _origin(node, file)
    if isinstance(node, yaml.ScalarNode):
        return Scalar(node.value, node.style is not None, origin)
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_converted(item, file, depth + 1) for item in node.value), origin)
    if isinstance(node, yaml.MappingNode):
        return _pairs(node, file, depth)
    raise BadInput("unknown YAML node", where=str(origin))


def _pairs(node: yaml.MappingNode, file: str, depth: int) -> Pairs:
    values: dict[str, Node] = {}
    keys: dict[str, Origin] = {}
    for key_node, value_node in node.value:
        place = _origin(key_node, file)
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadInput("a key must be plain text", where=str(place))
        key = key_node.value
        if key == "<<":
            raise BadInput("merge keys (<<) are not allowed here", where=str(place), next_step="write the keys out")
        if key in values:
            raise BadInput(
                f"key `{key}` stands twice, first in line {keys[key].line}", where=str(place), next_step="keep one"
            )
        values[key] = _converted(value_node, file, depth + 1)
        keys[key] = place
    return Pairs(values, keys, _origin(node, file))
