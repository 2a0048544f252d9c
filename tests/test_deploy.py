"""What people deploy with: every file is checked by the tool that will read it where there is one here, and all of them
agree with the program's defaults and with each other. Docker and a cluster are not needed for that.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from compose_spec import PyCompose

from service import __version__
from service.cli import main
from service.provisioning.bundled import RUNBOOK_URL
from service.settings.sources import load

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
USER = 65532
WEBHOOK = "/webhooks/alertmanager"
OPERATOR_KINDS = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


def parsed(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def program(path):
    """Return a program of deploy/ as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPOSE = parsed("compose.yaml")
SERVICES = COMPOSE["services"]
DEFAULTS = load(None, {})
PORT = int(str(DEFAULTS.listen).rpartition(":")[2])
KUSTOMIZATION = parsed("deploy/kubernetes/kustomization.yaml")
RESOURCES = [name for name in KUSTOMIZATION["resources"] if name.endswith(".yaml")]
MANIFESTS = {document["kind"]: document for name in RESOURCES for document in [parsed(f"deploy/kubernetes/{name}")]}
DEPLOYMENT = MANIFESTS["Deployment"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
UNIT = (DEPLOY / "systemd/mttx-exporter.service").read_text(encoding="utf-8")


def environment(text):
    return dict(re.findall(r"\b(MTTX_[A-Z_]+)=(\S+)", text))


# --- the image ------------------------------------------------------------------------------------------------------


def test_it_listens_in_the_image_where_it_does_by_default():
    assert environment(DOCKERFILE)["MTTX_LISTEN"] == f"0.0.0.0:{PORT}"
    assert f"EXPOSE {PORT}\n" in DOCKERFILE


def test_it_builds_and_runs_on_the_same_base():
    assert len(set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))) == 1


def test_the_image_is_labelled_by_the_dockerfile_and_by_its_release():
    labels = ["title", "description", "source", "documentation", "licenses", "version", "revision", "created"]
    inside = re.findall(r'org\.opencontainers\.image\.(\w+)="', DOCKERFILE)
    steps = parsed(".github/workflows/release.yml")["jobs"]["image"]["steps"]
    (pushed,) = [step["with"]["labels"] for step in steps if step.get("id") == "push"]
    at_release = re.findall(r"^org\.opencontainers\.image\.(\w+)=\$", pushed, re.MULTILINE)
    assert inside + at_release == labels


def test_it_copies_into_the_image_what_the_ignore_file_lets_through():
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {part for line in re.findall(r"^COPY ([^-].*)", DOCKERFILE, re.MULTILINE) for part in line.split()[:-1]}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


# --- compose.yaml ---------------------------------------------------------------------------------------------------


def compose(**changes):
    """Parse compose.yaml by the specification; its parser does not know the number of tries of `on-failure` yet."""
    text = json.dumps(COMPOSE | changes).replace('"on-failure:5"', '"on-failure"')
    return PyCompose.from_json(text)


def test_it_is_a_compose_file_by_the_specification():
    assert set(compose().to_dict()["services"]) == set(SERVICES)


def test_it_pins_every_image_that_compose_takes_from_elsewhere():
    images = {name: service["image"] for name, service in SERVICES.items() if "build" not in service}
    assert set(images) == {"prometheus", "alertmanager", "grafana"}
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image) for image in images.values()), images


@pytest.mark.parametrize("name", SERVICES)
def test_it_gives_no_service_of_compose_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("cap_add", []) == (["CHOWN"] if name == "secrets" else [])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_it_mounts_only_what_is_there():
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    for mount in mounts:
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], mount
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("."))


def test_it_waits_only_for_services_that_are_there():
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_it_records_incidents_without_grafana():
    """The exporter waits for its tokens, and for nothing that may be down."""
    assert set(SERVICES["exporter"]["depends_on"]) == {"secrets"}


@pytest.mark.parametrize("name", ["exporter", "grafana-bootstrap"])
def test_it_gives_the_exporter_of_compose_a_configuration_that_it_takes(name, tmp_path):
    assert load(None, environment(DOCKERFILE) | SERVICES[name]["environment"]).grafana.url == "http://grafana:3000"


def test_it_addresses_the_services_of_compose_by_their_names_and_ports():
    prometheus, alertmanager = parsed("deploy/compose/prometheus.yml"), parsed("deploy/compose/alertmanager.yml")
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    assert targets["mttx-exporter"] == [f"exporter:{PORT}"]
    assert webhook(alertmanager)["url"] == f"http://exporter:{PORT}{WEBHOOK}"
    environ = SERVICES["exporter"]["environment"]
    assert environ["MTTX_PROMETHEUS_URL"] == "http://prometheus:9090"
    assert yaml.safe_load(environ["MTTX_ALERTMANAGER_URLS"]) == ["http://alertmanager:9093"]
    assert prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert parsed("deploy/compose/datasources.yml")["datasources"][0]["url"] == "http://prometheus:9090"
    ports = {name: service["ports"][0].rpartition(":")[2] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"exporter": str(PORT), "prometheus": "9090", "alertmanager": "9093", "grafana": "3000"}


def test_it_reads_and_writes_grafanas_token_in_one_place():
    places = {SERVICES[name]["environment"]["MTTX_GRAFANA_TOKEN_FILE"] for name in ("exporter", "grafana-bootstrap")}
    assert places == {"/data/grafana-token"}
    assert all("data:/data" in SERVICES[name]["volumes"] for name in ("exporter", "grafana-bootstrap"))


def test_it_provisions_the_dashboards_where_grafana_looks_for_them():
    provider = parsed("dashboards/provisioning/dashboards/mttx.yml")["providers"][0]["options"]["path"]
    assert f"./dashboards:{provider}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "dashboards" / home.removeprefix(provider + "/")).exists()


# --- the secrets of compose.yaml ------------------------------------------------------------------------------------


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """Give the folder after make_secrets.py, and a function that runs it again; files are given to nobody here."""
    spec = importlib.util.spec_from_file_location("make_secrets", DEPLOY / "compose/make_secrets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.os, "fchown", lambda handle, owner, group: None)
    module.main(tmp_path)
    return tmp_path, lambda: module.main(tmp_path)


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_it_makes_tokens_that_the_exporter_takes_and_alertmanager_sends(secrets):
    folder, _ = secrets
    tokens = {token["name"]: token for token in yaml.safe_load((folder / "tokens.yml").read_text())}
    assert tokens["alertmanager"]["token"] == (folder / "alertmanager-token").read_text()
    assert tokens["operator"]["token"] == (folder / "operator-token").read_text()
    assert [tokens[name]["scopes"] for name in ("alertmanager", "operator")] == [["ingest"], ["write", "read"]]
    load(None, {"MTTX_TOKENS_FILE": str(folder / "tokens.yml")})


def test_it_keeps_secrets_that_are_there_and_lets_the_world_read_none(secrets):
    folder, again = secrets
    before = contents(folder)
    again()
    assert contents(folder) == before
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o440}


def test_it_begins_anew_where_it_was_interrupted(secrets):
    folder, again = secrets
    (folder / "tokens.yml").unlink()
    (folder / "operator-token.new").write_text("half")
    again()
    tokens = yaml.safe_load((folder / "tokens.yml").read_text())
    assert tokens[1]["token"] == (folder / "operator-token").read_text()
    assert not list(folder.glob("*.new"))


def test_it_makes_every_secret_that_is_read(secrets):
    texts = (ROOT / "compose.yaml").read_text() + (DEPLOY / "compose/alertmanager.yml").read_text()
    assert set(re.findall(r"/run/mttx/([\w.-]+)", texts)) == set(contents(secrets[0]))


# --- Prometheus and Alertmanager ------------------------------------------------------------------------------------


def webhook(alertmanager):
    (receiver,) = alertmanager["receivers"]
    (config,) = receiver["webhook_configs"]
    return config


@pytest.mark.parametrize("place", ["compose", "local"])
def test_it_has_a_configuration_that_prometheus_takes(place, require, tmp_path):
    text = (DEPLOY / place / "prometheus.yml").read_text()
    assert len(yaml.safe_load(text)["rule_files"]) == 1
    text = re.sub(r"rule_files: \[.*\]", f"rule_files: [{ROOT}/alert_rules/*.yml]", text)
    (tmp_path / "prometheus.yml").write_text(text)
    done = subprocess.run(
        [require("promtool"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == 4


@pytest.mark.parametrize("place", ["compose", "local"])
def test_it_has_a_configuration_that_alertmanager_takes(place, require):
    done = subprocess.run(
        [require("amtool"), "check-config", DEPLOY / place / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", ["compose", "local"])
def test_it_sends_recoveries_with_a_token_from_a_file(place):
    config = webhook(parsed(f"deploy/{place}/alertmanager.yml"))
    assert config["send_resolved"] is True
    assert config["url"].endswith(f":{PORT}{WEBHOOK}")
    assert config["http_config"]["authorization"].keys() == {"type", "credentials_file"}


@pytest.mark.parametrize("place", ["compose", "local"])
def test_it_names_the_scrape_job_as_the_rules_expect(place):
    jobs = [job["job_name"] for job in parsed(f"deploy/{place}/prometheus.yml")["scrape_configs"]]
    assert [name for name in jobs if "mttx" in name] == ["mttx-exporter"]


def test_it_inhibits_everywhere_what_the_rules_readme_says():
    readme = (ROOT / "alert_rules/README.md").read_text()
    rules = yaml.safe_load(re.search(r"```yaml\n(inhibit_rules:.*?)```", readme, re.DOTALL)[1])["inhibit_rules"]
    for place in ("compose", "local"):
        assert parsed(f"deploy/{place}/alertmanager.yml")["inhibit_rules"] == rules


# --- Kubernetes -----------------------------------------------------------------------------------------------------


def test_it_lists_every_manifest_and_every_file_that_it_lists_is_there():
    beside = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(RESOURCES) == beside
    assert set(KUSTOMIZATION["resources"]) - beside == {"../../dashboards"}
    assert all(
        (KUBERNETES / name).exists() for generator in KUSTOMIZATION["configMapGenerator"] for name in generator["files"]
    )


@pytest.mark.parametrize("kind", sorted(set(MANIFESTS) - OPERATOR_KINDS))
def test_it_has_manifests_that_kubernetes_takes(kind):
    kubernetes_validate.validate(MANIFESTS[kind], kubernetes_validate.latest_version(), strict=True)


def assert_restricted(pod):
    """A pod is within the profile `restricted` of the Pod Security Standards, and writes to its volumes only."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] != 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert all("hostPort" not in port for port in container["ports"])


def test_it_keeps_to_the_restricted_profile():
    assert MANIFESTS["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert_restricted(POD)
    assert POD["automountServiceAccountToken"] is MANIFESTS["ServiceAccount"]["automountServiceAccountToken"] is False


def test_it_runs_one_replica_that_lets_go_of_the_database_first():
    assert (DEPLOYMENT["spec"]["replicas"], DEPLOYMENT["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_it_runs_as_the_user_of_the_image():
    context = POD["securityContext"]
    assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {USER}
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == f"{USER}:{USER}"


def test_it_mounts_what_the_image_and_the_configuration_expect():
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in POD["volumes"]}
    environ = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
    assert environment(DOCKERFILE)["MTTX_DATABASE_URL"] == "sqlite:////data/mttx.db"
    assert mounts["/data"] == "data"
    assert mounts["/tmp"] == "tmp"
    assert mounts[str(Path(environ["MTTX_CONFIG"]).parent)] == "config"
    assert mounts[str(Path(environ["MTTX_TOKENS_FILE"]).parent)] == "tokens"
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["config"]["configMap"]["name"] in {
        generator["name"] for generator in KUSTOMIZATION["configMapGenerator"]
    }
    assert Path(environ["MTTX_TOKENS_FILE"]).name in {item["path"] for item in volumes["tokens"]["secret"]["items"]}


def test_it_has_a_configuration_that_the_exporter_takes():
    settings = load(KUBERNETES / "mttx.yml", {})
    assert str(settings.prometheus.url).endswith(":9090")


def test_it_asks_for_health_at_addresses_that_answer():
    paths = {CONTAINER[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    openapi = (ROOT / "service/web/openapi.py").read_text()
    assert all(f'"{path}"' in openapi for path in paths)
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/-/healthy"


def test_it_is_found_by_labels_and_ports():
    ours = {"app.kubernetes.io/name": "mttx-exporter"}
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == ours
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] == ours
    service, monitor = MANIFESTS["Service"], MANIFESTS["ServiceMonitor"]
    assert service["spec"]["selector"] == ours
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == ours
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (port,), (container_port,) = service["spec"]["ports"], CONTAINER["ports"]
    assert (port["port"], port["targetPort"]) == (PORT, container_port["name"])
    assert container_port["containerPort"] == PORT
    assert MANIFESTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"] == container_port["name"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
    assert "mttx" in service["metadata"]["name"]  # becomes the job's name, by which the rules find it


def test_it_tells_the_operator_of_alertmanagers_receiver():
    config = MANIFESTS["AlertmanagerConfig"]
    (receiver,) = config["spec"]["receivers"]
    (webhook_config,) = receiver["webhookConfigs"]
    assert config["spec"]["route"]["receiver"] == receiver["name"]
    service = f"{MANIFESTS['Service']['metadata']['name']}.{KUSTOMIZATION['namespace']}.svc"
    assert webhook_config["url"] == f"http://{service}:{PORT}{WEBHOOK}"
    assert webhook_config["sendResolved"] is True
    (tokens,) = [volume["secret"] for volume in POD["volumes"] if "secret" in volume]
    assert webhook_config["httpConfig"]["authorization"]["credentials"]["name"] == tokens["secretName"]
    versions = {kind: MANIFESTS[kind]["apiVersion"] for kind in OPERATOR_KINDS}
    assert versions["AlertmanagerConfig"] == "monitoring.coreos.com/v1alpha1"
    assert {versions["PrometheusRule"], versions["ServiceMonitor"]} == {"monitoring.coreos.com/v1"}


def test_it_has_the_shipped_rules_for_the_operator(require, tmp_path):
    module = program("deploy/kubernetes/generate.py")
    assert module.TARGET.read_text() == module.manifest(), "run: python deploy/kubernetes/generate.py"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(MANIFESTS["PrometheusRule"]["spec"]))
    subprocess.run([require("promtool"), "check", "rules", tmp_path / "rules.yml"], check=True, capture_output=True)
    shipped = [parsed(path)["groups"] for path in sorted((ROOT / "alert_rules").glob("*.yml"))]
    rules = json.dumps([group for groups in shipped for group in groups]).replace(RUNBOOK_URL, module.IN_CLUSTER)
    assert MANIFESTS["PrometheusRule"]["spec"]["groups"] == json.loads(rules)
    namespace, port = KUSTOMIZATION["namespace"], MANIFESTS["Service"]["spec"]["ports"][0]["port"]
    assert f"http://{MANIFESTS['Service']['metadata']['name']}.{namespace}.svc:{port}/runbook" == module.IN_CLUSTER


def test_it_makes_a_config_map_of_each_dashboard_for_grafanas_sidecar():
    kustomization = parsed("dashboards/kustomization.yaml")
    assert kustomization["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    files = [name for generator in kustomization["configMapGenerator"] for name in generator["files"]]
    assert sorted(files) == sorted(path.name for path in (ROOT / "dashboards").glob("*.json"))
    # `kubectl apply` repeats the whole object in an annotation, of which Kubernetes takes 256 KiB.
    texts = [(ROOT / "dashboards" / name).read_text(encoding="utf-8") for name in files]
    assert all(len(json.dumps(text, ensure_ascii=False).encode()) < 255_000 for text in texts)


def test_it_deploys_the_version_that_this_is():
    generate = program("deploy/kubernetes/generate.py")
    assert generate.KUSTOMIZATION.read_text() == generate.kustomization(), "run: python deploy/kubernetes/generate.py"
    assert KUSTOMIZATION["images"] == [{"name": CONTAINER["image"], "newTag": __version__}]


# --- Kubernetes with PostgreSQL ------------------------------------------------------------------------------------

OVERLAY = parsed("deploy/kubernetes-postgresql/kustomization.yaml")


def test_several_replicas_are_a_deployment_that_kubernetes_takes():
    merged = program("deploy/helm/build.py").merged
    made = merged(DEPLOYMENT, parsed("deploy/kubernetes-postgresql/deployment.yaml"))
    kubernetes_validate.validate(made, kubernetes_validate.latest_version(), strict=True)
    spec, pod = made["spec"], made["spec"]["template"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (3, "RollingUpdate")
    (container,) = pod["containers"]
    assert container["securityContext"] == CONTAINER["securityContext"]
    assert {variable["name"] for variable in container["env"]} == {
        *(variable["name"] for variable in CONTAINER["env"]),
        "MTTX_DATABASE_URL",
        "MTTX_DATABASE_PASSWORD_FILE",
    }
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert "persistentVolumeClaim" not in volumes["data"]
    for constraint in pod["topologySpreadConstraints"]:
        assert constraint["labelSelector"] == spec["selector"]


def test_several_replicas_read_their_database_from_the_secret_as_documented(tmp_path):
    block = block_with("create secret generic mttx-database")
    url = re.search(r"--from-literal=url=(\S+)", block)[1]
    assert "--from-file=password=" in block
    assert load(None, {"MTTX_DATABASE_URL": url}).database == url
    environ = {"MTTX_DATABASE_URL": "postgresql+psycopg://mttx@db/mttx"}
    (tmp_path / "password").write_text("s3cret\n")
    settings = load(None, environ | {"MTTX_DATABASE_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.database == "postgresql+psycopg://mttx:s3cret@db/mttx"


def test_the_overlay_names_what_is_there():
    folder = DEPLOY / "kubernetes-postgresql"
    named = {*OVERLAY["resources"], *(patch["path"] for patch in OVERLAY["patches"] if "path" in patch)}
    assert all((folder / name).exists() for name in named)
    assert {path.name for path in folder.glob("*.yaml")} == named - {"../kubernetes"} | {"kustomization.yaml"}
    assert OVERLAY["namespace"] == KUSTOMIZATION["namespace"]
    removed = parsed("deploy/kubernetes-postgresql/pvc.yaml")
    assert (removed["kind"], removed["metadata"]["name"]) == ("PersistentVolumeClaim", "mttx-data")
    assert MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"] == "mttx-data"
    budget = parsed("deploy/kubernetes-postgresql/poddisruptionbudget.yaml")
    kubernetes_validate.validate(budget, kubernetes_validate.latest_version(), strict=True)
    assert budget["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]
    (network,) = (patch for patch in OVERLAY["patches"] if "target" in patch)
    assert network["target"] == {"kind": "NetworkPolicy", "name": MANIFESTS["NetworkPolicy"]["metadata"]["name"]}
    (added,) = yaml.safe_load(network["patch"])
    policy = MANIFESTS["NetworkPolicy"]
    rules = [*policy["spec"]["egress"], added["value"]]
    whole = policy | {"spec": policy["spec"] | {"egress": rules}}
    kubernetes_validate.validate(whole, kubernetes_validate.latest_version(), strict=True)


# --- systemd --------------------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path):
    """Give the unit with a command that is there, which systemd asks for."""
    path = tmp_path / "mttx-exporter.service"
    path.write_text(UNIT.replace("/opt/mttx/bin/mttx", sys.executable))
    return path


def test_it_has_a_unit_that_systemd_takes(unit, require):
    done = subprocess.run([require("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_has_a_unit_that_is_closed(unit, require):
    command = [require("systemd-analyze"), "security", "--offline=true", "--threshold=15", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_starts_under_systemd_with_settings_that_it_takes(tmp_path):
    (tmp_path / "tokens").write_text("- {name: am, token: 0123456789abcdef, scopes: [ingest]}")
    environ = environment("\n".join(line for line in UNIT.splitlines() if not line.startswith("#")))
    environ |= environment((DEPLOY / "systemd/mttx").read_text().replace("#MTTX_CONFIG", "#"))
    environ = {name: value.replace("%S", "/var/lib").replace("%d", str(tmp_path)) for name, value in environ.items()}
    settings = load(None, environ)
    assert settings.listen == DEFAULTS.listen
    assert environ["MTTX_DATABASE_URL"] == "sqlite:////var/lib/mttx/mttx.db"
    assert "StateDirectory=mttx\n" in UNIT


# --- what the documents say to type ---------------------------------------------------------------------------------

DOCUMENTS = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/deployment.md", "deploy/systemd/README.md")
}
BLOCKS = [block for text in DOCUMENTS.values() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


def block_with(words):
    (block_,) = [block for block in BLOCKS if words in block]
    return block_


def shell(script, folder, **environ):
    here = {"PATH": f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=here | environ, check=True)


@pytest.mark.parametrize("block", BLOCKS)
def test_it_documents_commands_that_a_shell_can_read(block):
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_documents_commands_and_options_that_there_are(name):
    typed = re.findall(
        r"\bmttx ((?:grafana|rules|dashboards|incident) \w+)((?: --[\w-]+(?: [^-\s`]\S*)?)*)", DOCUMENTS[name]
    )
    assert typed
    for command, options in typed:
        result = CliRunner().invoke(main, [*command.split(), "--help"])
        assert result.exit_code == 0, command
        assert all(option in result.output for option in re.findall(r"--[\w-]+", options)), (command, options)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_documents_files_that_there_are(name):
    for path in re.findall(r"\b(deploy/[\w./-]+\w|compose\.yaml|\.github/[\w./-]+\w)", DOCUMENTS[name]):
        assert (ROOT / path).exists(), path


def test_it_exports_as_documented(tmp_path):
    shell(block_with("mttx rules export --dir"), tmp_path)
    assert len(list(tmp_path.glob("mttx-rules/*.yml"))) == len(list(tmp_path.glob("mttx-dashboards/*.json"))) == 4


def test_it_makes_the_secret_of_kubernetes_as_documented(require, tmp_path):
    require("openssl")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word" >> said; done\n')
    kubectl.chmod(0o755)
    shell(block_with("create secret generic mttx-tokens"), tmp_path)
    words = (tmp_path / "said").read_text().split("\0")
    literals = dict(
        word.removeprefix("--from-literal=").split("=", 1) for word in words if word.startswith("--from-literal=")
    )
    (tmp_path / "tokens.yml").write_text(literals["tokens.yml"])
    load(None, {"MTTX_TOKENS_FILE": str(tmp_path / "tokens.yml")})
    tokens = {token["name"]: token["token"] for token in yaml.safe_load(literals["tokens.yml"])}
    assert tokens["alertmanager"] == literals["alertmanager"]
    assert len(tokens["operator"]) == 64
    assert "mttx-tokens" in words


def test_it_makes_the_tokens_of_systemd_as_documented(require, tmp_path):
    require("openssl")
    (line,) = re.findall(r"^\(umask 077;.*?tokens\.yml\)$", block_with("systemctl enable"), re.DOTALL | re.MULTILINE)
    shell(line.replace("/etc/mttx/", f"{tmp_path}/"), tmp_path)
    assert (tmp_path / "tokens.yml").stat().st_mode & 0o777 == 0o600
    load(None, {"MTTX_TOKENS_FILE": str(tmp_path / "tokens.yml")})
    assert len(yaml.safe_load((tmp_path / "tokens.yml").read_text())) == 2


# --- the release ----------------------------------------------------------------------------------------------------

WORKFLOWS = {path.name: parsed(path) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"].values()]
USES = [step["uses"] for _, job in JOBS for step in job.get("steps", ()) if "uses" in step]


def test_the_changelog_has_this_version_and_room_for_the_next():
    unreleased, newest = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:2]
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", newest)


def test_it_checks_every_python_that_is_supported():
    checked = WORKFLOWS["check.yml"]["jobs"]["check"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text()
    assert checked == re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    assert f'requires-python = ">={checked[0]}"' in project


def test_it_names_a_version_of_every_action():
    assert USES
    assert all(re.fullmatch(r"[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", action) for action in USES), USES


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_it_lets_workflows_do_no_more_than_they_must(name, job):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert "uses" in job or job["timeout-minutes"] <= 60
    granted = {right for right, level in job.get("permissions", {}).items() if level == "write"}
    assert granted <= {"id-token", "attestations", "packages"}


def test_it_publishes_nothing_that_was_not_checked():
    jobs = WORKFLOWS["release.yml"]["jobs"]
    assert {jobs[name]["uses"] for name in ("check", "audit")} == {
        "./.github/workflows/check.yml",
        "./.github/workflows/audit.yml",
    }
    assert {name: jobs[name]["needs"] for name in ("distribution", "image", "pypi")} == {
        "distribution": ["check", "audit"],
        "image": "distribution",
        "pypi": "distribution",
    }
    assert any("GITHUB_REF_NAME" in step.get("run", "") for step in jobs["distribution"]["steps"])


def test_it_keeps_the_bill_of_materials_out_of_what_goes_to_pypi():
    """PyPI refuses what is neither wheel nor sdist: the distribution is put away before there is one."""
    steps = WORKFLOWS["release.yml"]["jobs"]["distribution"]["steps"]
    put_away = next(i for i, step in enumerate(steps) if step.get("with", {}).get("name") == "dist")
    made = next(i for i, step in enumerate(steps) if step.get("run") == "make sbom")
    assert put_away < made
