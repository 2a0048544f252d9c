"""What deploy/chroot/ understands of the Dockerfile; that it builds is tried by hand, as root (docs/deployment.md)."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader():
    spec = importlib.util.spec_from_file_location("dockerfile", ROOT / "deploy/chroot/dockerfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_knows_every_instruction_of_ours(reader):
    build, image = reader.stages(DOCKERFILE)
    assert (build.name, image.name) == ("build", "image")
    assert {build.base, image.base} == {"python:3.13-slim-trixie"}
    assert [word for word, _, _ in build.steps] == ["WORKDIR", *["COPY"] * 6, "RUN"]
    assert (image.user, image.workdir, image.volumes) == ("65532:65532", "/data", ["/data"])
    assert image.command == ["mttx", "serve"]


def test_it_gives_each_step_the_variables_that_were_set_before(reader):
    build, image = reader.stages(DOCKERFILE)
    *_, (_, command, env) = build.steps
    assert command.startswith("python -m venv /opt/mttx  && /opt/mttx/bin/pip install")
    assert env["PIP_NO_CACHE_DIR"] == "1"
    assert env["PWD"] == "/src"
    assert image.env["PATH"].startswith("/opt/mttx/bin:/usr/local/bin:")


def test_it_reads_a_health_check_of_several_lines(reader):
    program = reader.stages(DOCKERFILE)[-1].health
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")


def test_it_refuses_what_it_does_not_know(reader):
    with pytest.raises(ValueError, match="has ONBUILD, SHELL, which is not known"):
        reader.stages("FROM x\nSHELL /bin/zsh\nONBUILD RUN y\n")
