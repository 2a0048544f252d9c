"""Just enough PromQL to hold a generated expression against the rules; whether it parses, promtool says."""

import re
from dataclasses import dataclass

SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
RATED = re.compile(r"\b(rate|irate|increase|delta|idelta|deriv|resets)\((\w+)\{[^}]*\}\[([^\]]*)\]")
FOLDS = re.compile(r"(?:max|min|sum|count|topk)\s+(?:without \((?P<without>[^)]*)\)|by \((?P<by>[^)]*)\))\s*$")
MADE = re.compile(r'count_values [^"]*\("(\w+)"|, "(\w+)", "[^"]*", "\w*", "[^"]*"\)')
PLAIN_FOLD = re.compile(r"\b(?:max|min|sum|count)\s*$")


@dataclass(frozen=True, slots=True)
class Selector:
    metric: str
    labels: frozenset
    start: int


def selectors(expr):
    return [
        Selector(match[1], frozenset(MATCHER.findall(match[2])), match.start()) for match in SELECTOR.finditer(expr)
    ]


def grouped_labels(expr):
    return {label.strip() for listed in GROUPING.findall(expr) for label in listed.split(",") if label.strip()}


def made_labels(expr):
    """Give the labels that the expression itself adds, with `count_values` or `label_replace`."""
    return {label for match in MADE.findall(expr) for label in match if label}


def rated(expr):
    """Give (function, metric, range) for each function that only makes sense on a counter."""
    return RATED.findall(expr)


def is_folded(expr, position):
    """Tell whether an aggregation around `position` removes the replica."""
    return any(_removes_replica(expr[:opening]) for opening in _open_parentheses(expr, position))


def _open_parentheses(expr, position):
    stack = []
    for index, character in enumerate(expr[:position]):
        if character == "(":
            stack.append(index)
        elif character == ")":
            stack.pop()
    return stack


def _removes_replica(before):
    match = FOLDS.search(before)
    if match is None:
        return PLAIN_FOLD.search(before) is not None
    if match["by"] is not None:
        return not {"instance", "pod"} & {label.strip() for label in match["by"].split(",")}
    return {"instance", "pod"} <= {label.strip() for label in match["without"].split(",")}
