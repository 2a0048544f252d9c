"""Builds the Helm chart from deploy/kubernetes, dashboards/ and alert_rules/: `python deploy/helm/build.py [FOLDER]`.

The manifests stay the only truth. This says which of their fields a value of the chart sets, and what is optional.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KUBERNETES = ROOT / "deploy/kubernetes"
POSTGRESQL = ROOT / "deploy/kubernetes-postgresql"
NAME = '{{ include "mttx.name" . }}'
HELPERS = """{{- define "mttx.name" -}}
{{ .Values.nameOverride | default .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end }}
"""
OURS = {"mttx-exporter": NAME, "mttx-exporter-config": f"{NAME}-config", "mttx-exporter-data": f"{NAME}-data"}
"""The names of our objects in the manifests, and in a release."""
LABEL = "app.kubernetes.io/name"
"""The label that kustomize gives to every object."""
IN_CLUSTER = "http://mttx-exporter.mttx.svc:9877/runbook"
"""Where the alerts of the manifests find their runbook."""
Manifest = dict[str, Any]


class Raw(str):
    """A template expression that stands for a whole YAML value."""


class _Dumper(yaml.SafeDumper):
    """Writes expressions unquoted, and every value where it stands."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return that nothing is to be an alias."""
        return True


def _raw(dumper: yaml.SafeDumper, value: Raw) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", f"RAW<{value.encode().hex()}>")


_Dumper.add_representer(Raw, _raw)


def template(manifest: Manifest) -> str:
    """Return a manifest as a template, in which our objects have the name and the label of the release."""
    labels = manifest["metadata"].setdefault("labels", {})
    if isinstance(labels, dict):
        labels[LABEL] = "mttx-exporter"
    text = yaml.dump(_renamed(manifest), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return re.sub(r"RAW<([0-9a-f]+)>", lambda match: bytes.fromhex(match[1]).decode(), text)


def _renamed(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _renamed(item) for key, item in part.items()}
    if isinstance(part, list):
        return [_renamed(item) for item in part]
    return Raw(OURS[part]) if isinstance(part, str) and part in OURS else part


def value(path: str) -> Raw:
    """Return the expression of a value, whatever its type."""
    return Raw("{{ toJson .Values." + path + " }}")


def labels_of(path: str) -> Raw:
    """Return the expression of labels, beside the one of every object."""
    return Raw(f'{{{{ toJson (merge (dict "{LABEL}" (include "mttx.name" .)) .Values.{path}) }}}}')


def optional(path: str, text: str) -> str:
    """Return a template that renders nothing if the value is false or empty."""
    return f"{{{{- if .Values.{path} }}}}\n{text}{{{{- end }}}}\n"


def merged(base: Any, patch: Any) -> Any:
    """Apply a strategic merge patch as kustomize does, for what ours contains.

    Null removes; lists merge by name, and what the patch names comes first.
    """
    if isinstance(base, dict) and isinstance(patch, dict):
        both = base | {key: merged(base.get(key), new) for key, new in patch.items()}
        return {key: new for key, new in both.items() if new is not None}
    named = isinstance(patch, list) and all(isinstance(item, dict) and "name" in item for item in patch)
    if named and isinstance(base, list):
        ours = {item["name"]: item for item in base}
        first = [merged(ours.pop(item["name"], {}), item) for item in patch]
        return first + list(ours.values())
    return patch


def manifest(name: str, folder: Path = KUBERNETES) -> Manifest:
    """Read one manifest."""
    parsed: Manifest = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    return parsed


def deployment(source: Manifest, replicas: Raw | int) -> str:
    """Return a Deployment with the chart's values."""
    source["spec"]["replicas"] = replicas
    pod = source["spec"]["template"]
    pod["metadata"]["annotations"] = Raw(
        '{{ toJson (merge (dict "checksum/config" (toJson .Values.config | sha256sum)) .Values.podAnnotations) }}'
    )
    spec = pod["spec"]
    [container] = spec["containers"]
    container["image"] = Raw("{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}")
    container["imagePullPolicy"] = value("image.pullPolicy")
    container["resources"] = value("resources")
    container["env"].append(Raw("EXTRA_ENV"))
    for volume in spec["volumes"]:
        if "secret" in volume:
            key = "tokens" if volume["name"] == "tokens" else "postgresql"
            volume["secret"]["secretName"] = value(f"{key}.existingSecret")
        if volume["name"] == "config":
            volume["configMap"]["name"] = "mttx-exporter-config"
        if "persistentVolumeClaim" in volume:
            volume["persistentVolumeClaim"]["claimName"] = "mttx-exporter-data"
    for variable in container["env"]:
        if isinstance(variable, dict) and "valueFrom" in variable:
            variable["valueFrom"]["secretKeyRef"]["name"] = value("postgresql.existingSecret")
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        spec[key] = Raw(f"OPTIONAL {key}")
    spec["imagePullSecrets"] = Raw("OPTIONAL image.pullSecrets")
    text = template(source)
    text = re.sub(r"( *)- EXTRA_ENV\n", r"\1{{- range .Values.extraEnv }}\n\1- {{ toJson . }}\n\1{{- end }}\n", text)
    return re.sub(
        r"( *)(\w+): OPTIONAL (\S+)\n",
        r"\1{{- with .Values.\3 }}\n\1\2: {{ toJson . }}\n\1{{- end }}\n",
        text,
    )


def deployments() -> str:
    """Return both Deployments, of which the database decides."""
    base = deployment(manifest("deployment.yaml"), 1)
    patch = manifest("deployment.yaml", POSTGRESQL)
    replicas = deployment(merged(manifest("deployment.yaml"), patch), value("postgresql.replicas"))
    return f"{{{{- if .Values.postgresql.enabled }}}}\n{replicas}{{{{- else }}}}\n{base}{{{{- end }}}}\n"


def config() -> str:
    """Return the ConfigMap of mttx.yml."""
    return template(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "mttx-exporter-config"},
            "data": {"mttx.yml": Raw("{{ toYaml .Values.config | quote }}")},
        }
    )


def volume() -> str:
    """Return the claim of the SQLite file's volume."""
    claim = manifest("pvc.yaml")
    claim["metadata"]["name"] = "mttx-exporter-data"
    claim["spec"]["resources"]["requests"]["storage"] = value("persistence.size")
    text = (
        template(claim)
        + "{{- with .Values.persistence.storageClass }}\n  storageClassName: {{ toJson . }}\n{{- end }}\n"
    )
    return f"{{{{- if not .Values.postgresql.enabled }}}}\n{text}{{{{- end }}}}\n"


def network() -> str:
    """Return the NetworkPolicy; PostgreSQL adds its port."""
    policy = manifest("networkpolicy.yaml")
    ingress, egress = policy["spec"]["ingress"], policy["spec"]["egress"]
    for rule in [*ingress, *egress]:
        for peer in [*rule.get("from", []), *rule.get("to", [])]:
            if peer["namespaceSelector"]:
                labels = peer["namespaceSelector"]["matchLabels"]
                labels["kubernetes.io/metadata.name"] = value("networkPolicy.monitoringNamespace")
    ingress.append(Raw("RANGE extraIngress"))
    egress += [Raw("POSTGRESQL"), Raw("RANGE extraEgress")]
    rule = json.dumps(yaml.safe_load(_network_patch())[0]["value"])
    text = template(policy)
    text = re.sub(
        r"( *)- POSTGRESQL\n",
        rf"\1{{{{- if .Values.postgresql.enabled }}}}\n\1- {rule}\n\1{{{{- end }}}}\n",
        text,
    )
    text = re.sub(
        r"( *)- RANGE (\w+)\n",
        r"\1{{- range .Values.networkPolicy.\2 }}\n\1- {{ toJson . }}\n\1{{- end }}\n",
        text,
    )
    return optional("networkPolicy.enabled", text)


def _network_patch() -> str:
    kustomization = manifest("kustomization.yaml", POSTGRESQL)
    [patch] = (p["patch"] for p in kustomization["patches"] if p.get("target", {}).get("kind") == "NetworkPolicy")
    return str(patch)


def operator_object(name: str, switch: str, change: Callable[[Manifest], None] = lambda _: None) -> str:
    """Return an object of the Prometheus operator."""
    source = manifest(name)
    source["metadata"]["labels"] = labels_of("operatorLabels")
    change(source)
    return optional(f"{switch}.enabled", template(source))


def _read_rules(rule: Manifest) -> None:
    # Alerts have expressions in braces themselves. Their runbook is where people reach the service.
    rule["spec"] = Raw(
        f'\n{{{{- $base := printf "http://%s.%s.svc:9877" ({NAME[3:-3]}) .Release.Namespace }}}}'
        "{{- if .Values.ingress.enabled }}"
        '{{- $scheme := ternary "https" "http" (ne .Values.ingress.tlsSecret "") }}'
        '{{- $base = printf "%s://%s" $scheme .Values.ingress.host }}'
        "{{- end }}"
        f'\n{{{{ .Files.Get "rules.yaml" | replace "{IN_CLUSTER}" (printf "%s/runbook" $base) | indent 2 }}}}'
    )


def _set_interval(monitor: Manifest) -> None:
    monitor["spec"]["endpoints"][0]["interval"] = value("serviceMonitor.interval")


def _set_receiver(receiver: Manifest) -> None:
    webhook = receiver["spec"]["receivers"][0]["webhookConfigs"][0]
    webhook["url"] = Raw(f"http://{NAME}.{{{{ .Release.Namespace }}}}.svc:9877/webhooks/alertmanager")
    webhook["httpConfig"]["authorization"]["credentials"]["name"] = value("tokens.existingSecret")


def dashboards() -> str:
    """Return the ConfigMaps of the dashboards, whose files are part of the chart."""
    generated = manifest("kustomization.yaml", ROOT / "dashboards")["configMapGenerator"]
    maps = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": entry["name"],
                "labels": labels_of("dashboards.labels"),
                "annotations": value("dashboards.annotations"),
            },
            "data": {name: Raw(f'{{{{ .Files.Get "dashboards/{name}" | quote }}}}') for name in entry["files"]},
        }
        for entry in generated
    ]
    return optional("dashboards.enabled", "---\n".join(template(config_map) for config_map in maps))


INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "mttx.name" . }}
  labels: {app.kubernetes.io/name: {{ include "mttx.name" . }}}
  annotations: {{ toJson .Values.ingress.annotations }}
spec:
  {{- with .Values.ingress.className }}
  ingressClassName: {{ toJson . }}
  {{- end }}
  {{- with .Values.ingress.tlsSecret }}
  tls: [{hosts: [{{ toJson $.Values.ingress.host }}], secretName: {{ toJson . }}}]
  {{- end }}
  rules:
    - host: {{ toJson .Values.ingress.host }}
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: {{ include "mttx.name" . }}, port: {name: http}}}}
"""


def templates() -> dict[str, str]:
    """Return the templates by file name."""
    return {
        "_helpers.tpl": HELPERS,
        "NOTES.txt": (HERE / "NOTES.txt").read_text(encoding="utf-8"),
        "serviceaccount.yaml": template(manifest("serviceaccount.yaml")),
        "configmap.yaml": config(),
        "pvc.yaml": volume(),
        "deployment.yaml": deployments(),
        "service.yaml": template(manifest("service.yaml")),
        "poddisruptionbudget.yaml": optional(
            "postgresql.enabled", template(manifest("poddisruptionbudget.yaml", POSTGRESQL))
        ),
        "networkpolicy.yaml": network(),
        "servicemonitor.yaml": operator_object("servicemonitor.yaml", "serviceMonitor", _set_interval),
        "prometheusrule.yaml": operator_object("prometheusrule.yaml", "prometheusRule", _read_rules),
        "alertmanagerconfig.yaml": operator_object("alertmanagerconfig.yaml", "alertmanagerConfig", _set_receiver),
        "dashboards.yaml": dashboards(),
        "ingress.yaml": optional("ingress.enabled", INGRESS),
    }


def build(target: Path, version: str) -> None:
    """Write the chart to a folder, in place of what was there of it."""
    files = {f"templates/{name}": text for name, text in templates().items()}
    files |= {name: (HERE / name).read_text(encoding="utf-8") for name in ("values.yaml", "values.schema.json")}
    chart = (HERE / "Chart.yaml").read_text(encoding="utf-8")
    files["Chart.yaml"] = f"{chart}version: {version}\nappVersion: {version}\n"
    files["rules.yaml"] = yaml.safe_dump(manifest("prometheusrule.yaml")["spec"], sort_keys=False, allow_unicode=True)
    for dashboard in sorted((ROOT / "dashboards").glob("*.json")):
        files[f"dashboards/{dashboard.name}"] = dashboard.read_text(encoding="utf-8")
    for name, text in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text, encoding="utf-8")


def version_of_the_service() -> str:
    """Return the version, read from the source: the service need not be installed."""
    source = (ROOT / "service/__init__.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', source)[1]  # type: ignore[index]


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/helm/mttx-exporter", version_of_the_service())
