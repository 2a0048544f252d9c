"""The Helm chart, which is built from the manifests of deploy/kubernetes: it renders the same objects.

What needs `helm` and `kustomize` is marked so, and left out on a machine without them; `make helm` installs them and
runs all of this, with the definitions of the Prometheus operator's objects.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from service import __version__
from tests.test_deploy import MANIFESTS, OPERATOR_KINDS, ROOT, assert_restricted, parsed, program

HELM = ROOT / "deploy/helm"
VALUES = parsed("deploy/helm/values.yaml")
SCHEMA = json.loads((HELM / "values.schema.json").read_text(encoding="utf-8"))
NAME = "mttx-exporter"
needs_helm = pytest.mark.helm


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    """Give the folder of a chart that was built."""
    folder = tmp_path_factory.mktemp("helm") / NAME
    program("deploy/helm/build.py").build(folder, __version__)
    return folder


@pytest.fixture
def render(chart, tmp_path):
    """Give a function that renders the chart with values, as {(kind, name): object}."""

    def render(release=NAME, **values):
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        command = ["helm", "template", release, chart, "--namespace", "mttx", "--values", tmp_path / "values.yaml"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        objects = [document for document in yaml.safe_load_all(done.stdout) if document]
        return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in objects}

    return render


def used(templates):
    return set(re.findall(r"\.Values\.([A-Za-z.]+)", templates))


def leaves(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict) and value and f"{prefix}{name}" not in WHOLE:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


WHOLE = {"config", "resources", "operatorLabels", "dashboards.labels", "dashboards.annotations"}
"""Values that are rendered as they are."""


def test_every_value_is_used_and_every_value_that_is_used_has_a_default(chart):
    templates = "".join(path.read_text() for path in (chart / "templates").iterdir())
    assert used(templates) == set(leaves(VALUES))


def test_the_defaults_are_allowed_by_the_schema():
    jsonschema.validate(VALUES, SCHEMA)
    assert set(SCHEMA["properties"]) - {"global"} == set(VALUES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": {"tags": "1"}},
        {"postgresql": {"enabled": "yes"}},
        {"postgresql": {"replicas": 0}},
        {"persistence": {"size": "two"}},
        {"tokens": {"existingSecret": "Not A Name"}},
        {"replicas": 3},
    ],
)
def test_the_schema_refuses_a_wrong_value(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_it_is_a_chart_of_this_version_with_every_dashboard(chart):
    described = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert (described["version"], described["appVersion"]) == (__version__, __version__)
    shipped = {path.name: path.read_bytes() for path in (ROOT / "dashboards").glob("*.json")}
    assert {path.name: path.read_bytes() for path in (chart / "dashboards").iterdir()} == shipped


# --- with helm and kustomize ----------------------------------------------------------------------------------------

NAMES = {r"mttx-config-[0-9a-z]{10}$": f"{NAME}-config", "mttx-data$": f"{NAME}-data"}
"""What kustomize and the chart name differently."""


def kustomized(*, postgresql):
    """Return what `kubectl apply -k` sends, as {(kind, name): object}, by the chart's names, without the namespace."""
    overlay = ROOT / ("deploy/kubernetes-postgresql" if postgresql else "deploy/kubernetes")
    built = subprocess.run(["kustomize", "build", overlay], capture_output=True, text=True, check=True).stdout
    for theirs, ours in NAMES.items():
        built = re.sub(theirs, ours, built, flags=re.MULTILINE)
    objects = list(yaml.safe_load_all(built))
    assert {each["metadata"].pop("namespace") for each in objects if each["kind"] != "Namespace"} == {"mttx"}
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


@needs_helm
@pytest.mark.parametrize("postgresql", [False, True])
def test_it_renders_what_kustomize_renders(render, postgresql):
    ours, theirs = render(postgresql={"enabled": postgresql}), kustomized(postgresql=postgresql)
    del theirs["Namespace", "mttx"]  # Helm is given one
    pod = ours["Deployment", NAME]["spec"]["template"]
    assert pod["metadata"].pop("annotations").keys() == {"checksum/config"}  # what kustomize's hashed name is for
    for objects in (ours, theirs):
        data = objects["ConfigMap", f"{NAME}-config"]["data"]
        data["mttx.yml"] = yaml.safe_load(data["mttx.yml"])  # Helm keeps no comments
    assert ours == theirs


EVERYTHING = {
    "nameOverride": "incidents",
    "image": {"tag": "9.9.9", "pullSecrets": [{"name": "registry"}]},
    "config": {"grafana": {"url": "https://grafana.example.com"}},
    "tokens": {"existingSecret": "our-tokens"},
    "persistence": {"size": "10Gi", "storageClass": "fast"},
    "podAnnotations": {"team": "sre"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
    "extraEnv": [{"name": "MTTX_GRAFANA_URL", "value": "https://grafana.example.com"}],
    "ingress": {"enabled": True, "className": "nginx", "host": "mttx.test", "tlsSecret": "tls"},
    "operatorLabels": {"release": "prom"},
    "networkPolicy": {
        "extraIngress": [{"from": [{"namespaceSelector": {}}]}],
        "extraEgress": [{"ports": [{"port": 443}]}],
    },
}


class Definitions(yaml.CSafeLoader):
    """Reads the operator's definitions, in which an equals sign is a value."""


Definitions.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


def closed(schema):
    """Return a schema that allows no fields but its own, as Kubernetes does with strict validation."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    return {"additionalProperties": False} | made if isinstance(made.get("properties"), dict) else made


@cache
def operator_schemas():
    """Return the schemas of the Prometheus operator's objects by kind and version; none without `make helm`."""
    folder = Path(os.environ.get("MTTX_OPERATOR", "")) / "example/prometheus-operator-crd"
    schemas = {}
    for kind in OPERATOR_KINDS if folder.is_dir() else ():
        definition = yaml.load((folder / f"monitoring.coreos.com_{kind.lower()}s.yaml").read_text(), Definitions)
        for version in definition["spec"]["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            schemas[kind, f"monitoring.coreos.com/{version['name']}"] = schema
    return schemas


def assert_valid_and_restricted(objects):
    """Each object is one that Kubernetes takes, also in a namespace that enforces the profile `restricted`."""
    for manifest in objects:
        if manifest["kind"] in OPERATOR_KINDS:
            if schemas := operator_schemas():
                jsonschema.Draft7Validator(schemas[manifest["kind"], manifest["apiVersion"]]).validate(manifest)
        else:
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    (pod,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    assert_restricted(pod)


@needs_helm
@pytest.mark.parametrize("values", [{}, {"postgresql": {"enabled": True}}, EVERYTHING])
def test_what_it_renders_is_valid_and_restricted(render, values):
    assert_valid_and_restricted(render(**values).values())


@needs_helm
@pytest.mark.parametrize("postgresql", [False, True])
def test_what_kustomize_renders_is_valid_and_restricted(postgresql):
    assert_valid_and_restricted(kustomized(postgresql=postgresql).values())


@needs_helm
def test_values_arrive_where_they_belong(render):
    made = render("ours", **EVERYTHING)
    pod = made["Deployment", "incidents"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"].endswith(":9.9.9")
    assert EVERYTHING["extraEnv"][0] in container["env"]
    assert pod["metadata"]["annotations"]["team"] == "sre"
    assert made["PersistentVolumeClaim", "incidents-data"]["spec"]["storageClassName"] == "fast"
    receiver = made["AlertmanagerConfig", "incidents"]["spec"]["receivers"][0]["webhookConfigs"][0]
    assert receiver["url"] == "http://incidents.mttx.svc:9877/webhooks/alertmanager"
    assert receiver["httpConfig"]["authorization"]["credentials"]["name"] == "our-tokens"
    assert made["Ingress", "incidents"]["spec"]["ingressClassName"] == "nginx"
    assert made["ServiceMonitor", "incidents"]["metadata"]["labels"] == {
        "app.kubernetes.io/name": "incidents",
        "release": "prom",
    }
    in_cluster, outside = "http://mttx-exporter.mttx.svc:9877/", "https://mttx.test/"
    rules = json.dumps(MANIFESTS["PrometheusRule"]["spec"]).replace(in_cluster, outside)
    assert made["PrometheusRule", "incidents"]["spec"] == json.loads(rules)


@needs_helm
def test_a_changed_configuration_starts_a_new_pod(render):
    annotations = [
        render(config=config)["Deployment", NAME]["spec"]["template"]["metadata"]["annotations"]
        for config in ({}, {"listen": "0.0.0.0:1"})
    ]
    assert annotations[0] != annotations[1]


@needs_helm
def test_helm_finds_no_fault_and_refuses_a_wrong_value(chart):
    linted = subprocess.run(["helm", "lint", "--strict", chart], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout
    wrong = ["helm", "template", chart, "--set", "postgresql.replicas=0"]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode != 0


@needs_helm
def test_the_chart_is_packed(chart, tmp_path):
    subprocess.run(["helm", "package", chart, "--destination", tmp_path], check=True, capture_output=True)
    assert (tmp_path / f"{NAME}-{__version__}.tgz").is_file()
    assert shutil.which("helm")
