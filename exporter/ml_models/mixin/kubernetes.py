"""Rules and dashboards as the objects that a Kubernetes cluster takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from ml_models.mixin.files import HEADER
from ml_models.mixin.yamltext import dump

FOLDER = "deploy/kubernetes/base"
_LABELS = {"app.kubernetes.io/part-of": "ml-models"}


def kubernetes_files(rules: Mapping[str, str], dashboards: Mapping[str, str]) -> dict[str, str]:
    """Return the objects, each as path and text.

    Parameters
    ----------
    rules : mapping of str to str
        The rule files by their paths, as Prometheus reads them.
    dashboards : mapping of str to str
        The dashboards by their paths, as JSON.

    Examples
    --------
    >>> list(kubernetes_files({"rules.yml": "groups: []"}, {"dashboards/a.json": "{}"}))
    ['deploy/kubernetes/base/prometheus-rule.yml', 'deploy/kubernetes/base/dashboard-a.yml']
    """
    groups = [group for text in rules.values() for group in yaml.safe_load(text)["groups"]]
    rule = _object("monitoring.coreos.com/v1", "PrometheusRule", "ml-models")
    files = {f"{FOLDER}/prometheus-rule.yml": {**rule, "spec": {"groups": groups}}}
    for path, text in dashboards.items():
        name = PurePosixPath(path).stem
        board = _object("v1", "ConfigMap", f"dashboard-{name}")
        # By this label the sidecar of Grafana's chart finds it.
        board["metadata"]["labels"] = {**_LABELS, "grafana_dashboard": "1"}
        # Without indentation: `kubectl apply` keeps a copy of an object in an annotation, which may have 256 KiB.
        board["data"] = {f"{name}.json": json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)}
        files[f"{FOLDER}/dashboard-{name}.yml"] = board
    return {path: dump(document, HEADER) for path, document in files.items()}


def _object(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": dict(_LABELS)}}
