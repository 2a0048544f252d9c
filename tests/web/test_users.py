"""Users of web.config.file: they see pages and metrics; writing, the API and webhooks take tokens."""

import bcrypt
import pytest

from service.web import users as users_module
from service.web.users import Users
from tests.web.fakes import World

PASSWORD = "correct-horse"
HASHED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def users():
    return Users({"prometheus": HASHED})


@pytest.mark.parametrize(
    ("name", "password"), [("prometheus", "wrong"), ("stranger", PASSWORD), ("prometheus", "x" * 100), ("", "\0")]
)
def test_a_wrong_name_or_password_is_refused(users, name, password):
    assert users.find(name, password) is None


def test_a_user_may_read_only(users):
    assert users.find("prometheus", PASSWORD).scopes == {"read"}


def test_a_password_is_compared_once_and_few_results_are_kept(users, monkeypatch):
    compared = []
    monkeypatch.setattr(users_module.bcrypt, "checkpw", lambda *both: compared.append(both) or True)
    for _ in range(3):
        users.find("prometheus", PASSWORD)
    assert len(compared) == 1
    for number in range(users.REMEMBERED + 10):
        users.find("prometheus", str(number))
    assert len(users._results) == users.REMEMBERED


@pytest.mark.parametrize("path", ["/", "/incidents", "/postmortems", "/metrics", "/-/ready", "/-/healthy"])
def test_pages_metrics_and_probes_need_a_user(users, path):
    client = World(users=users).app.test_client()
    assert client.get(path).status_code == 401
    assert client.get(path, auth=("prometheus", "wrong")).status_code == 401
    assert client.get(path, auth=("prometheus", PASSWORD)).status_code == 200


def test_a_user_sees_no_form_and_cannot_write(users):
    world = World(users=users)
    client = world.app.test_client()
    answer = client.post("/incidents/INC-1/acknowledge", auth=("prometheus", PASSWORD), data={})
    assert answer.status_code in (401, 403, 404)
    assert world.recorder.commands == []
