"""The Helm chart, which is built from the manifests of deploy/kubernetes: it renders the same objects.

What needs `helm` is marked so, and left out on a machine without it; `make helm` installs it and runs all of this.
"""

import importlib.util
import json
import re
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from service import __version__
from tests.test_deploy import DEPLOYMENT, KUSTOMIZATION, MANIFESTS, OPERATOR_KINDS, OVERLAY, ROOT, parsed, patched

HELM = ROOT / "deploy/helm"
VALUES = parsed("deploy/helm/values.yaml")
SCHEMA = json.loads((HELM / "values.schema.json").read_text(encoding="utf-8"))
NAME = "mttx-exporter"
needs_helm = pytest.mark.helm


def _module():
    spec = importlib.util.spec_from_file_location("build", HELM / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    """Give the folder of a chart that was built."""
    folder = tmp_path_factory.mktemp("helm") / NAME
    _module().build(folder, __version__)
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


# --- with helm ------------------------------------------------------------------------------------------------------


def plain(manifest):
    """Return an object without what differs by design: the namespace, the names of what kustomize hashes or Helm
    prefixes, and what the chart adds to the pod."""
    text = (
        json.dumps(manifest).replace("mttx-exporter-config", "mttx-config").replace("mttx-exporter-data", "mttx-data")
    )
    manifest = json.loads(text)
    manifest["metadata"].pop("namespace", None)
    if manifest["kind"] not in {"Deployment", "Service", "PodDisruptionBudget"}:
        manifest["metadata"].get("labels", {}).pop("app.kubernetes.io/name", None)
    manifest["metadata"] = {key: value for key, value in manifest["metadata"].items() if value}
    if manifest["kind"] == "Deployment":
        pod = manifest["spec"]["template"]
        pod["metadata"].pop("annotations", None)
        (container,) = pod["spec"]["containers"]
        container.pop("imagePullPolicy", None)
        container["image"] = container["image"].partition(":")[0]
    return manifest


def from_kustomize(*, postgresql):
    """Return what `kubectl apply -k` makes of ours, but for the namespace and the ConfigMaps."""
    made = {kind: manifest for kind, manifest in MANIFESTS.items() if kind != "Namespace"}
    if postgresql:
        made["Deployment"] = patched(DEPLOYMENT, parsed("deploy/kubernetes-postgresql/deployment.yaml"))
        made["PodDisruptionBudget"] = parsed("deploy/kubernetes-postgresql/poddisruptionbudget.yaml")
        del made["PersistentVolumeClaim"]
        (patch,) = (each["patch"] for each in OVERLAY["patches"] if "target" in each)
        (rule,) = yaml.safe_load(patch)
        network = json.loads(json.dumps(made["NetworkPolicy"]))
        network["spec"]["egress"].append(rule["value"])
        made["NetworkPolicy"] = network
    return {kind: plain(manifest) for kind, manifest in made.items()}


def sorted_rules(manifest):
    """Order what has no order."""
    if manifest["kind"] == "NetworkPolicy":
        manifest["spec"]["egress"].sort(key=json.dumps)
    return manifest


@needs_helm
@pytest.mark.parametrize("postgresql", [False, True])
def test_it_renders_what_kustomize_renders(render, postgresql):
    rendered = render(postgresql={"enabled": postgresql})
    ours = {kind: plain(manifest) for (kind, _), manifest in rendered.items() if kind != "ConfigMap"}
    theirs = from_kustomize(postgresql=postgresql)
    assert {k: sorted_rules(v) for k, v in ours.items()} == {k: sorted_rules(v) for k, v in theirs.items()}
    generated = parsed("dashboards/kustomization.yaml")
    for entry in generated["configMapGenerator"]:
        manifest = rendered["ConfigMap", entry["name"]]
        assert manifest["data"] == {name: (ROOT / "dashboards" / name).read_text() for name in entry["files"]}
        assert manifest["metadata"]["labels"] == generated["generatorOptions"]["labels"]
        assert manifest["metadata"]["annotations"] == generated["generatorOptions"]["annotations"]
    configuration = yaml.safe_load(rendered["ConfigMap", "mttx-exporter-config"]["data"]["mttx.yml"])
    assert configuration == parsed("deploy/kubernetes/mttx.yml")
    assert KUSTOMIZATION["namespace"] == "mttx"


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


@needs_helm
@pytest.mark.parametrize("values", [{}, {"postgresql": {"enabled": True}}, EVERYTHING])
def test_what_it_renders_is_valid_and_restricted(render, values):
    for manifest in render(**values).values():
        if manifest["kind"] not in OPERATOR_KINDS:
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


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
    assert made["ServiceMonitor", "incidents"]["metadata"]["labels"] == {"release": "prom"}
    assert made["PrometheusRule", "incidents"]["spec"] == MANIFESTS["PrometheusRule"]["spec"]


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
