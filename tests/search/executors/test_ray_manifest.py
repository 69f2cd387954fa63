"""The manifest for KubeRay, against what its API reference (ray.io/v1) and Kubernetes ask of such objects."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgenas.cli.search import command as search_command

yaml = pytest.importorskip("yaml")

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "kubernetes"
QUANTITY = re.compile(r"\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?")
# https://ray-project.github.io/kuberay/reference/api/
JOB = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec"}
CLUSTER = {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
HEAD = {"rayStartParams", "template"}
WORKERS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    return {o["kind"]: o for o in yaml.safe_load_all((FOLDER / "raycluster.yaml").read_text())}


def containers(job: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"]["template"], *(w["template"] for w in cluster["workerGroupSpecs"])]
    return [container for pod in pods for container in pod["spec"]["containers"]]


def test_objects_have_the_fields_that_kuberay_knows(objects: dict[str, Any]) -> None:
    claim, job = objects["PersistentVolumeClaim"], objects["RayJob"]
    assert (claim["apiVersion"], job["apiVersion"]) == ("v1", "ray.io/v1")
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", o["metadata"]["name"]) for o in objects.values())
    assert set(job["spec"]) == JOB
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == CLUSTER and set(cluster["headGroupSpec"]) == HEAD
    for group in cluster["workerGroupSpecs"]:
        assert set(group) == WORKERS
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_pods_ask_for_what_they_are_limited_to_and_mount_what_there_is(objects: dict[str, Any]) -> None:
    job = objects["RayJob"]
    for container in containers(job):
        assert container["name"] and ":" in container["image"]
        resources = container["resources"]
        assert resources["limits"] == resources["requests"]
        assert all(QUANTITY.fullmatch(str(q)) for q in resources["limits"].values())
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]
    assert len({container["image"] for container in containers(job)}) == 1
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    volumes = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in head["volumes"]}
    claims = [objects["PersistentVolumeClaim"]["metadata"]["name"]]
    mounted = {m["name"]: m["mountPath"] for c in head["containers"] for m in c["volumeMounts"]}
    assert list(volumes.values()) == claims and mounted == dict.fromkeys(volumes, "/runs")


def test_its_ray_is_one_that_edgenas_takes_and_the_page_names_the_same(objects: dict[str, Any]) -> None:
    version = objects["RayJob"]["spec"]["rayClusterSpec"]["rayVersion"]
    assert (2, 49) <= tuple(int(part) for part in version.split(".")[:2]) < (3, 0)
    assert f"rayproject/ray:{version}-" in (FOLDER / "README.md").read_text()


def test_both_commands_of_the_entrypoint_are_ones_that_edgenas_knows(objects: dict[str, Any]) -> None:
    words = shlex.split(objects["RayJob"]["spec"]["entrypoint"].replace(";", " ; "))
    starts = [i for i, word in enumerate(words) if word == "edgenas"]
    assert len(starts) == 2 and (words[0], words[-1]) == ("if", "fi")
    flags = set()
    for start in starts:
        arguments = words[start + 1 : words.index(";", start)]
        assert arguments[0] == "search" and arguments[arguments.index("--executor") + 1] == "ray"
        assert any(word.startswith("/runs/week") for word in arguments)
        flags |= {word for word in arguments if word.startswith("--")}
    help_text = CliRunner().invoke(search_command, ["--help"]).output
    assert flags and all(flag in help_text for flag in flags)
