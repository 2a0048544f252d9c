"""The catalogues hold the same messages, and no template speaks for itself."""

import re
from pathlib import Path

import pytest

from service.domain.actions import ActionState
from service.domain.checks import Check, CheckState
from service.domain.events import EventKind, Role
from service.domain.incident import Phase
from service.domain.policy import IncidentType, Indicator, Milestone, Stage, Statistic
from service.web.pages.forms import FORMS
from service.web.pages.words import LANGUAGES, words

TEMPLATES = sorted((Path(__file__).parents[2] / "service" / "web" / "templates").glob("*.html"))
NAMES = {"CSV", "mttx-exporter", "Grafana", "JSON", "INC-7", "API"}
GROUPS = {
    "phase": Phase,
    "milestone": Milestone,
    "indicator": Indicator,
    "statistic": Statistic,
    "check": Check,
    "check_state": CheckState,
    "action_state": ActionState,
    "type": IncidentType,
    "role": Role,
    "kind": EventKind,
    "due": Stage,
    "do": FORMS,
    "yes": FORMS,
    "done": FORMS,
}


def test_all_languages_have_the_same_messages_with_the_same_values():
    english, japanese = (words(language).messages for language in LANGUAGES)
    assert english.keys() == japanese.keys()
    assert all(text.strip() for key, text in {**english, **japanese}.items() if key != "unit.join")
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", japanese[key])), key


@pytest.mark.parametrize("group", GROUPS)
def test_every_word_of_a_closed_set_is_there(group):
    messages = words("en").messages
    assert {f"{group}.{getattr(member, 'value', member)}" for member in GROUPS[group]} <= messages.keys()


def test_what_the_code_names_is_there():
    code = "".join(path.read_text() for path in (TEMPLATES[0].parents[1] / "pages").glob("*.py"))
    named = set(re.findall(r'"((?:error|trouble)\.\w+)"', code))
    named |= {key for path in TEMPLATES for key in re.findall(r'_\("([\w.]+[a-z_])"[,)]', path.read_text())}
    assert named
    assert named <= words("en").messages.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_options_of_a_list_have_names_of_their_own(language):
    messages = words(language).messages
    states = [messages["list.open"], *(messages[f"phase.{phase}"] for phase in Phase)]
    assert len(set(states)) == len(states)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_text_of_its_own(path):
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)
    text = re.sub(r' [a-z-]+="[^"]*"', " ", text)  # attributes that stand within a block or a macro
    assert set(re.findall(r"[^\W\d_][\w-]+", text)) - NAMES == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_what_the_policy_forbids(path):
    text = path.read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style|https?://|\|\s*safe", text)
