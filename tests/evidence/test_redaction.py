"""What is sensitive is gone however the text comes in, everything else stays as it is, and all of it is counted."""

import re
from collections import Counter

import pytest

from service.evidence.redaction import BLOCK, LONGEST_LINE, MAX_KEY_LINES, Redaction, Stream

KEY_ID = "AKIA" + "Q3EGRIJKWXYZ2345"
BODY = "\n".join("MIIEpAIBAAKCAQEA" + "x" * 48 for _ in range(25))
PRIVATE = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"


def run(*pieces, patterns=None):
    counts = Counter()
    stream = Stream(Redaction(patterns), counts)
    return "".join([*(stream.feed(piece) for piece in pieces), stream.end()]), counts


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_does_not_matter_in_which_pieces_a_text_comes(size):
    text = f"before\n{PRIVATE}\nbetween {KEY_ID}\nafter\n"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert run(*pieces) == run(text)
    assert run(text)[0] == "before\n[private key removed]\nbetween [AWS access key removed]\nafter\n"


@pytest.mark.parametrize("shift", [0, 1, 20, 300, 5000, 12_000])
def test_nothing_is_cut_in_two_in_a_line_of_megabytes(shift):
    """A line may be a whole document; it is worked on in pieces, and a secret may lie where one ends."""
    filler = "x" * (LONGEST_LINE - 10_000 - shift) + " "
    text = f'{filler}password = "hunter22!x" {KEY_ID} ' + "y" * 50_000 + f" {KEY_ID} " + "z" * 2_000_000
    pieces = [text[at : at + 4096] for at in range(0, len(text), 4096)]
    clean, counts = run(*pieces)
    assert KEY_ID not in clean
    assert "hunter22" not in clean
    assert counts["secret", "AWS access key"] == 2
    assert len(clean) > 3_000_000


def test_a_key_that_spans_blocks_is_gone():
    text = "line\n" * (BLOCK // 5 - 8) + PRIVATE + "\nafter\n" + "line\n" * BLOCK
    clean, counts = run(*[text[at : at + 65536] for at in range(0, len(text), 65536)])
    assert "MIIE" not in clean
    assert "\nafter\n" in clean
    assert counts == {("secret", "private key"): 1}


def test_a_key_with_something_before_each_line_is_gone():
    text = "".join(f"2026-11-23T09:00:00Z stdout F {line}\n" for line in PRIVATE.split("\n"))
    clean, _ = run(text)
    assert "MIIE" not in clean


def test_a_key_whose_end_is_missing_costs_some_lines_and_not_the_rest_of_the_log():
    begun = PRIVATE.rpartition("-----END")[0]
    clean, counts = run(begun + "".join(f"line {n}\n" for n in range(1000)))
    assert "MIIE" not in clean
    assert clean.endswith("line 999\n")
    assert f"line {MAX_KEY_LINES}\n" in clean
    assert counts == {("secret", "private key"): 1}


def test_a_key_that_ends_with_the_text_is_gone():
    assert run("-----BEGIN PRIVATE KEY-----\nMIIE")[0] == "[private key removed]"


def test_a_key_in_one_line_of_json_is_gone():
    clean, _ = run('{"key": "' + PRIVATE.replace("\n", "\\n") + '", "order": 7}\n')
    assert clean == '{"key": "[private key removed]", "order": 7}\n'


def test_patterns_of_ones_own_are_found_and_named():
    patterns = {"account": re.compile(r"acct-([0-9]+)"), "project": re.compile("NIGHTFALL")}
    clean, counts = run("acct-123456 in NIGHTFALL\n", patterns=patterns)
    assert clean == "acct-[account removed] in [project removed]\n"
    assert counts == {("configured", "account"): 1, ("configured", "project"): 1}


def test_patterns_that_overlap_take_out_all_that_each_of_them_found():
    patterns = {"one": re.compile("abcd"), "other": re.compile("cdef"), "nothing": re.compile("(x?)y")}
    clean, counts = run("abcdef y\n", patterns=patterns)
    assert clean == "[one removed] y\n"
    assert counts == {("configured", "one"): 1}


def test_a_pattern_within_a_secret_leaves_no_rest_of_it():
    clean, _ = run(f"{KEY_ID}\n", patterns={"tail": re.compile("WXYZ2345")})
    assert clean == "[AWS access key removed]\n"
