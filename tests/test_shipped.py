"""The dashboards and rules are found from a checkout, and are in the wheel where the installed command looks."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from service.provisioning.bundled import bundled, runbook

REPOSITORY = Path(__file__).parents[1]


def names(folder):
    return {
        Path(str(path)).relative_to(str(folder)).as_posix() for path in Path(str(folder)).rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Give a wheel of this checkout, built without a network."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(target), str(REPOSITORY)], check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_it_finds_the_rules_of_a_checkout():
    assert "postmortems.yml" in names(bundled("alert_rules"))


def test_it_says_what_to_do_where_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr("service.provisioning.bundled.files", lambda package: tmp_path / package)
    with pytest.raises(FileNotFoundError, match="has no dashboards; install"):
        bundled("dashboards")


@pytest.mark.parametrize("kind", ["dashboards", "alert_rules", "sources"])
def test_it_ships_every_file_in_the_wheel(wheel, kind):
    shipped = f"service/shipped/{kind}/"
    inside = {n.removeprefix(shipped) for n in zipfile.ZipFile(wheel).namelist() if n.startswith(shipped)}
    assert {n for n in inside if not n.endswith(".pyc")} == {
        n for n in names(REPOSITORY / kind) if not n.endswith(".pyc")
    }


def test_it_ships_the_runbook_that_the_service_serves(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("service/shipped/docs/runbook.md").decode() == runbook()


def test_it_finds_the_files_of_an_unpacked_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = "from service.provisioning.bundled import bundled; print(bundled('alert_rules') / 'postmortems.yml')"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == tmp_path / "service" / "shipped" / "alert_rules" / "postmortems.yml"


def test_it_ships_nothing_but_the_package_and_its_data(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"service"}


def test_it_ships_the_man_page_and_the_completions_where_shells_look(wheel):
    data = {name.partition(".data/data/")[2] for name in zipfile.ZipFile(wheel).namelist() if ".data/" in name}
    assert data == {
        "share/bash-completion/completions/mttx",
        "share/fish/vendor_completions.d/mttx.fish",
        "share/man/man1/mttx.1",
        "share/zsh/site-functions/_mttx",
    }


def test_a_command_has_the_name_of_the_distribution(wheel):
    """So that uvx and pipx find it by that one name."""
    with zipfile.ZipFile(wheel) as archive:
        (scripts,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        text = archive.read(scripts).decode()
    assert "mttx = service.cli:main\n" in text
    assert f"{wheel.name.partition('-')[0].replace('_', '-')} = service.cli:main\n" in text


def test_it_shows_a_readme_on_pypi_whose_links_lead_somewhere(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
    links = re.findall(r"\]\(([^)]+)\)", text.partition("\n\n")[2])
    assert len(links) > 20
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert any(link.startswith("https://raw.githubusercontent.com/") and link.endswith(".png") for link in links)


def test_it_packs_into_the_sdist_whatever_its_own_tests_read(tmp_path):
    """So that a distribution can build the same wheel and run the same tests from it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {path.name for path in REPOSITORY.glob("*.md")} <= inside
    assert {"Makefile", "Dockerfile", "compose.yaml", "constraints.txt", ".pre-commit-hooks.yaml", ".ci/run"} <= inside
    assert {".github/workflows/check.yml", "tests/conftest.py", "docs/generate_cli.py"} <= inside
    assert not [name for name in inside if name.startswith((".venv", ".git/", "dist/"))]
