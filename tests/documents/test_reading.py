"""The reader and the terminal of the documents' tests: what they would let pass, and what they would not."""

import pytest

from tests.documents.reading import ROOT, Block, blocks, shows
from tests.documents.terminal import Terminal


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path, {"127.0.0.1:9877": "127.0.0.1:4711"})


def console(text):
    return Block("console", text, "page.md:1")


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("done", "done\n"),
        ("a … b", "a whatever it is b\n"),
        ("Incident  Phase\nINC-1  open", "Incident Phase   \nINC-1    open\n\n"),
        ("first\n…\nlast", "first\n2\n3\nlast\n"),
        ("first\n…", "first\n"),
        ("costs 1.0 (+) [x]", "costs 1.0 (+) [x]\n"),
    ],
)
def test_it_takes_what_a_page_shows(expected, printed):
    assert shows(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("done", "undone\n"),
        ("done", "done\nand more\n"),
        ("done", ""),
        ("a … b", "a\nb\n"),
        ("one\ntwo", "one two\n"),
        ("1.0", "100\n"),
        ("first\n…\nlast", "first\n2\n"),
    ],
)
def test_it_takes_nothing_else(expected, printed):
    assert not shows(expected, printed)


def test_it_reads_what_is_typed_and_what_is_printed():
    block = console("$ one \\\n  two\nprinted\n$ cat <<E\n> inside\n> E\ninside\n$ silent\n")
    assert block.steps() == [("one \\\n  two", "printed"), ("cat <<E\ninside\nE", "inside"), ("silent", "")]


def test_it_wants_a_prompt_before_what_is_typed():
    with pytest.raises(AssertionError, match="begins with what is typed"):
        console("ls\n").steps()


def test_it_finds_the_blocks_of_a_page_in_their_order():
    all_blocks = blocks("README.md")
    assert all_blocks[0].text == "make run\n"
    assert (ROOT / "README.md").read_text().splitlines()[int(all_blocks[0].place.split(":")[1])] == "make run"


def test_it_remembers_what_was_exported_and_where_one_has_gone(terminal, tmp_path):
    terminal.follow(Block("sh", 'mkdir deep && cd deep\nexport WORD="two words"\n', "page.md:1"))
    terminal.follow(console('$ basename "$PWD" && echo "$WORD"\ndeep\ntwo words\n'))
    assert terminal.environ["PWD"] == str(tmp_path / "deep")


def test_it_puts_free_ports_in_the_place_of_the_default_ones(terminal):
    terminal.follow(console("$ echo http://127.0.0.1:9877/metrics\nhttp://127.0.0.1:9877/metrics\n"))
    assert terminal.run("echo 127.0.0.1:9877", "page.md:1") == "127.0.0.1:4711\n"


def test_it_refuses_a_command_that_fails_and_one_that_prints_something_else(terminal):
    with pytest.raises(AssertionError, match=r"page.md:1: exit code 3"):
        terminal.follow(Block("sh", "echo before\nexit 3\necho after\n", "page.md:1"))
    with pytest.raises(AssertionError, match=r"page.md:1: exit code 1"):
        terminal.follow(Block("sh", "false | true\n", "page.md:1"))
    with pytest.raises(AssertionError, match="instead of\nyes"):
        terminal.follow(console("$ echo no\nyes\n"))


def test_it_refuses_a_language_that_nobody_can_type(terminal):
    with pytest.raises(AssertionError, match="nobody can type python"):
        terminal.follow(Block("python", "print()", "page.md:1"))
