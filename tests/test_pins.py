"""What is installed in the image, in CI and in releases is checked by its hash, from files that the pins generate."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("requirements-image.txt", "requirements-dev.txt", "requirements-build.txt", "requirements-audit.txt")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def pinned():
    """Return every pin, normalised: its name in lower case with hyphens, its marker after a space."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {
        re.sub(r"[-_.]+", "-", name).lower() + "==" + rest.replace(";", " ;")
        for name, _, rest in (line.partition("==") for line in lines)
    }


def entries(name):
    text = (ROOT / name).read_text().replace(" \\\n", " ")
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_one_of_the_pins_and_has_hashes(name):
    pins = pinned()
    for entry in entries(name):
        requirement, *hashes = re.split(r"\s+(?=--hash)", entry)
        assert requirement in pins, f"{requirement}: run `make pins`"
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in hashes)


@pytest.mark.parametrize("name", FILES)
def test_a_package_with_a_pin_of_its_own_for_some_pythons_has_all_of_them(name):
    inside = {re.split(r"\s+(?=--hash)", entry)[0] for entry in entries(name)}
    packages = {requirement.partition("==")[0] for requirement in inside}
    assert {pin for pin in pinned() if pin.partition("==")[0] in packages} == inside


@pytest.mark.parametrize("name", FILES)
def test_no_address_of_an_index_is_in_it(name):
    assert "://" not in (ROOT / name).read_text()


def test_the_pins_themselves_have_no_hashes_since_they_constrain_editable_installs():
    assert "--hash" not in (ROOT / "constraints.txt").read_text()


def test_the_audit_asks_about_the_pins_for_every_python(tmp_path):
    asked, pip_audit = tmp_path / "asked", tmp_path / "v-audit/bin/pip-audit"
    pip_audit.parent.mkdir(parents=True)
    pip_audit.write_text(f'#!/bin/sh\ncat "$3" >> {asked}\necho >> {asked}\n')
    pip_audit.chmod(0o755)
    (tmp_path / "v-audit/.audit").touch()
    subprocess.run(["make", "audit", f"VENV={tmp_path}/v"], cwd=ROOT, check=True, capture_output=True)
    files = [file.split() for file in asked.read_text().split("\n\n")]
    for file in files:
        names = [pin.partition("==")[0] for pin in file]
        assert sorted(set(names)) == sorted(names)
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert {pin for file in files for pin in file} == {line.partition(";")[0].strip() for line in lines}


@pytest.mark.parametrize("path", [ROOT / "Dockerfile", ROOT / ".ci/run", *WORKFLOWS], ids=lambda path: path.name)
def test_pip_fetches_nothing_without_a_hash(path):
    text = path.read_text().replace("\\\n", " ")
    for command in re.findall(r"pip (?:[\w=-]+ )*install [^&\n]+", text):
        fetches_nothing = re.search(r"--no-deps (?:--no-build-isolation )?(?:--editable \.|\S*\.whl)", command)
        assert "--require-hashes" in command or fetches_nothing, command
        assert "--no-deps" in command, command
