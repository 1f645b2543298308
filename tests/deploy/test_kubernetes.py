"""The Kustomize base: whole, hardened, in step with catalog, rules and image, and small enough to be applied."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from ml_models import catalog
from ml_models.cli.generate import GENERATORS
from ml_models.mixin.files import GeneratorSettings, rule_files
from ml_models.mixin.prometheus import PrometheusSettings

from .reading import ROOT, compose

BASE = ROOT / "deploy/kubernetes/base"
KUSTOMIZATION = yaml.safe_load((BASE / "kustomization.yaml").read_text())
OBJECTS = {path: yaml.safe_load((BASE / path).read_text()) for path in KUSTOMIZATION["resources"]}
KINDS = {content["kind"]: content for content in OBJECTS.values()}
#: `kubectl apply` keeps an object in an annotation; all annotations together may have this many bytes.
ANNOTATIONS = 262_144
#: The versions that clusters serve.
VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "Service": "v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
}


def pod() -> dict:
    return KINDS["Deployment"]["spec"]["template"]


def container() -> dict:
    (found,) = pod()["spec"]["containers"]
    return found


def matches(selector: dict, labels: dict) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def test_every_file_is_a_resource_of_a_version_that_clusters_serve():
    assert {path.name for path in BASE.iterdir()} == {"kustomization.yaml", *KUSTOMIZATION["resources"]}
    assert {kind: content["apiVersion"] for kind, content in KINDS.items()} == VERSIONS


def test_rules_and_dashboards_are_the_generated_ones():
    for path, text in GENERATORS["kubernetes"](GeneratorSettings()).items():
        assert (ROOT / path).read_text() == text, "run: mlmon generate kubernetes"


def test_rules_are_those_of_the_rule_files_and_prometheus_takes_them(tmp_path):
    """The object holds the same groups, with keys that the operator knows."""
    groups = KINDS["PrometheusRule"]["spec"]["groups"]
    written = [group for text in rule_files(GeneratorSettings()).values() for group in yaml.safe_load(text)["groups"]]
    assert groups == written
    keys = {key for group in groups for rule in group["rules"] for key in rule}
    assert keys <= {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(KINDS["PrometheusRule"]["spec"]))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_that_of_the_file():
    assert KINDS["ConfigMap"]["metadata"]["labels"]["grafana_dashboard"] == "1"
    ((name, text),) = KINDS["ConfigMap"]["data"].items()
    assert json.loads(text) == json.loads((ROOT / "dashboards" / name).read_text())


@pytest.mark.parametrize("path", OBJECTS)
def test_an_object_can_be_applied(path):
    """The copy that ``kubectl apply`` keeps of an object fits into its annotations."""
    assert len(json.dumps(OBJECTS[path]).encode()) < 0.9 * ANNOTATIONS


def test_selectors_meet_the_pods_and_the_service():
    labels = pod()["metadata"]["labels"]
    for selector in (
        KINDS["Deployment"]["spec"]["selector"]["matchLabels"],
        KINDS["Service"]["spec"]["selector"],
        KINDS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert matches(selector, labels)
    assert matches(KINDS["ServiceMonitor"]["spec"]["selector"]["matchLabels"], KINDS["Service"]["metadata"]["labels"])


def test_it_is_scraped_as_the_rules_expect():
    """Under the rules' job, as often as prometheus.yml says, at the port of the pod."""
    monitor, service = KINDS["ServiceMonitor"]["spec"], KINDS["Service"]
    assert service["metadata"]["labels"][monitor["jobLabel"]] == GeneratorSettings().rules.job
    (endpoint,) = monitor["endpoints"]
    expected = PrometheusSettings()
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == (expected.scrape_interval, expected.scrape_timeout)
    (port,) = service["spec"]["ports"]
    (open_port,) = container()["ports"]
    assert endpoint["port"] == port["name"]
    assert port["targetPort"] == open_port["name"]
    (rule,) = KINDS["NetworkPolicy"]["spec"]["ingress"]
    assert [one["port"] for one in rule["ports"]] == [open_port["name"]]


def test_labels_of_the_operator_hide_none_of_ours():
    """What the operator adds to each target has no name of ours; where it would, the label is dropped."""
    ours = {label for metric in catalog.METRICS.values() for label in metric.labels}
    (endpoint,) = KINDS["ServiceMonitor"]["spec"]["endpoints"]
    dropped = {rule["regex"] for rule in endpoint["relabelings"] if rule["action"] == "labeldrop"}
    added = {"namespace", "service", "pod", "container", "endpoint", "job", "instance"}
    assert added & ours == dropped == {"endpoint"}


def test_pods_run_what_compose_runs():
    """The same image, command, user and port."""
    exporter = compose()["services"]["exporter"]
    (image,) = KUSTOMIZATION["images"]
    assert container()["image"] == image["name"]
    assert f"{image['name']}:{image['newTag']}" == exporter["image"]
    assert container()["args"] == exporter["command"]
    assert {one["name"]: one["value"] for one in container()["env"]} == exporter["environment"]
    security = pod()["spec"]["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == exporter["user"]
    assert container()["ports"][0]["containerPort"] == 9877


def test_pods_are_hardened_and_limited():
    """The restricted standard for pods of Kubernetes, and no token of the cluster."""
    spec, security = pod()["spec"], container()["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert [list(volume) for volume in spec["volumes"]] == [["name", "emptyDir"]]
    assert container()["resources"]["limits"]["memory"] == "1Gi"
    assert set(container()["resources"]["requests"]) == {"cpu", "memory"}


def test_probes_ask_what_the_exporter_answers():
    paths = {name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_an_eviction_takes_one_replica_and_leaves_another():
    budget, replicas = KINDS["PodDisruptionBudget"]["spec"]["maxUnavailable"], KINDS["Deployment"]["spec"]["replicas"]
    assert 0 < budget < replicas


def test_the_network_is_closed():
    """In from the namespace of Prometheus only, out to nowhere."""
    policy = KINDS["NetworkPolicy"]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["egress"] == []
    assert all(rule["from"] for rule in policy["ingress"])
