"""What deploy/, the Dockerfile and their documents say is true: settings, paths, commands, names, numbers."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from proxy.cli import app
from proxy.config import SECTIONS, Config, parse
from proxy.metrics import Metrics
from proxy.routes import ROUTES
from tests.harness import Proxy
from translators import TRANSLATORS

ROOT = Path(__file__).parent.parent
DEPLOY, KUBERNETES = ROOT / "deploy", ROOT / "deploy" / "kubernetes"
PATHS = {route.path for route in ROUTES}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SECURITY, GUIDE = ((ROOT / "docs" / name).read_text() for name in ("security.md", "deploy.md"))


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / f"{name}.yaml").read_text()))


def manifest(name: str) -> dict[str, Any]:
    return manifests(name)[0]


def config_of(text: str) -> Config:
    """A config whose variables are all there, and have no default that hides a missing one."""
    names = set(re.findall(r"\$\{(\w+)", text))
    return parse(
        text, "/etc/anygate/config.yaml", {one: f"sk-{one}-123456" for one in names}, TRANSLATORS
    )


@pytest.fixture(scope="module")
def config() -> Config:
    return config_of(
        manifest("configmap")["data"]["config.yaml"].replace("${PUBLIC_URL:-}", "https://x.example")
    )


@pytest.fixture(scope="module")
def pod() -> Any:
    return manifest("deployment")["spec"]["template"]["spec"]


def serves(arguments: list[str]) -> dict[str, str]:
    """The options of an `anygate serve` command line, each of which the command knows."""
    assert arguments[0] == "serve"
    known = (
        CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    )
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    for option in options:
        assert option in known, option
    return options


# Kubernetes


def test_the_config_map_is_a_config_for_several_replicas(config: Config, pod: Any) -> None:
    assert config.check_binding(1) == []
    assert config.keys
    assert config.store.startswith("redis://")
    mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
    volume = next(one for one in pod["volumes"] if one["name"] == mounts[str(config.media.dir)])
    claim = manifest("media")
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert (
        int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 1024
        > config.media.max_mb
    )


def test_only_what_nobody_needs_has_a_default(config: Config) -> None:
    """A secret that is forgotten ends the start, instead of opening the door."""
    text = manifest("configmap")["data"]["config.yaml"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == {"WEB_KEY", "VALKEY_PASSWORD"}
    assert not re.search(r"sk-|key: \"?[a-z0-9]", text)


def test_a_pod_ends_when_its_submits_have(config: Config, pod: Any) -> None:
    wait = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= config.jobs.drain + wait


def test_a_pod_has_no_rights(pod: Any) -> None:
    for spec in (pod, manifest("valkey")["spec"]["template"]["spec"]):
        [container] = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
    assert any(one["mountPath"] == "/tmp" for one in pod["containers"][0]["volumeMounts"])


def test_probes_ask_what_there_is(config: Config, pod: Any) -> None:
    [container] = pod["containers"]
    probes = {
        name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }
    assert {name: one["path"] for name, one in probes.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}  # fmt: skip
    [port] = container["ports"]
    assert {one["port"] for one in probes.values()} == {port["name"]}
    options = serves(container["args"])
    assert int(options["--port"]) == port["containerPort"] == config.server.port
    assert options["--host"] == config.server.host
    folder = next(one["mountPath"] for one in container["volumeMounts"] if one["name"] == "config")
    assert options["--config"] == f"{folder}/config.yaml"


def test_names_fit_together() -> None:
    deployment = manifest("deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert manifest("service")["spec"]["selector"].items() <= labels.items()
    assert manifest("disruption")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert manifest("disruption")["spec"]["maxUnavailable"] < deployment["spec"]["replicas"]
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    store, service = manifests("valkey")
    assert (
        service["spec"]["selector"].items()
        <= store["spec"]["template"]["metadata"]["labels"].items()
    )
    assert f"@{service['metadata']['name']}:6379" in manifest("configmap")["data"]["config.yaml"]
    arguments = store["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[:6] == [
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--maxmemory-policy",
        "noeviction",
    ]
    for rule in manifest("ingress")["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert path["backend"]["service"]["name"] == manifest("service")["metadata"]["name"]
            assert any(one.startswith(path["path"]) for one in PATHS)
            assert path["path"] not in ("/", "/metrics")


def test_the_kustomization_lists_what_there_is() -> None:
    text = (KUBERNETES / "kustomization.yaml").read_text()
    made = yaml.safe_load(text)
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(made["resources"]) <= files
    assert all(f"- {one}" in text for one in files)
    images = {one["name"]: one["newTag"] for one in made["images"]}
    assert images == {"anygate": VERSION}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds_it() -> None:
    command = ["kubectl", "kustomize", str(KUBERNETES)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kinds = [one["kind"] for one in yaml.safe_load_all(built)]
    assert sorted(kinds) == ["ConfigMap", "Deployment", "PersistentVolumeClaim", "PodDisruptionBudget",
                             "Service", "Service", "StatefulSet"]  # fmt: skip
    assert f"image: anygate:{VERSION}" in built


# The image


def instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    made: list[list[tuple[str, str]]] = [[]]
    for name, rest in instructions():
        if name == "FROM":
            made.append([])
        made[-1].append((name, rest))
    return made[1:]


def test_the_image_runs_as_nobody_and_hears_its_signal(stages: Any, pod: Any) -> None:
    last = dict(stages[-1])
    user = int(last["USER"].partition(":")[0])
    assert user == pod["securityContext"]["runAsUser"]
    assert user > 0
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(last["ENTRYPOINT"]) == ["anygate"]  # no shell, which would keep the signal
    options = serves(json.loads(last["CMD"]))
    assert options["--port"] == last["EXPOSE"]
    assert options["--config"] == "/etc/anygate/config.yaml"
    assert last["VOLUME"] == '["/data"]'
    assert "PYTHONDONTWRITEBYTECODE=1" in last["ENV"]
    # Nothing but the installed environment gets from one stage to the other.
    assert [rest for name, rest in stages[-1] if name == "COPY"] == [
        "--from=build /opt/anygate /opt/anygate"
    ]


def test_what_is_copied_is_there_and_let_in(stages: Any) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(one for one in ignored if one and not one.startswith("#")) == "*"
    for name, rest in stages[0]:
        if name == "COPY":
            *sources, _ = rest.split()
            for one in sources:
                assert (ROOT / one).exists()
                assert f"!{one}" in ignored
    assert "**/.env" in ignored


def test_the_health_check_checks_health(stages: Any, shared: Proxy) -> None:
    command = json.loads(dict(stages[-1])["HEALTHCHECK"].partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    port = shared.url.rpartition(":")[2]

    def status(url: str) -> int:
        code = command[2].replace("127.0.0.1:8080", url)
        run = [sys.executable, "-S", "-c", code]
        return subprocess.run(
            run, capture_output=True, env={"HTTP_PROXY": "http://127.0.0.1:1"}, check=False
        ).returncode

    assert status(f"127.0.0.1:{port}") == 0
    assert status("127.0.0.1:1") != 0


# One machine


def unit() -> Iterator[tuple[str, str]]:
    for line in (DEPLOY / "anygate.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def test_the_unit_starts_stops_and_reloads() -> None:
    settings = dict(unit())
    binary, *arguments = settings["ExecStart"].split()
    assert binary.endswith("/bin/anygate")
    serves(arguments)
    assert int(settings["TimeoutStopSec"]) > parse_default().jobs.drain
    assert settings["KillMode"] == "mixed"
    assert "-HUP" in settings["ExecReload"]
    assert settings["RestartPreventExitStatus"] == "2"  # of a wrong config


def parse_default() -> Config:
    return config_of("providers: {x: {translator: openai, api_key: none, base_url: 'http://x/v1'}}")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "anygate.service").read_text().replace("/opt/anygate/bin/anygate", "/bin/true")
    (tmp_path / "anygate.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / "anygate.service")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    # Where a build machine's own units are broken it speaks of those, too.
    assert not [line for line in ran.stderr.splitlines() if "anygate" in line], ran.stderr


def test_nginx_waits_longer_than_we_do_and_takes_as_much() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    said = dict(re.findall(r"^ *([a-z_]+) ([^;{]+);", text, re.MULTILINE))
    config = parse_default()
    assert int(said["client_max_body_size"].removesuffix("m")) > config.server.max_body_mb
    assert int(said["keepalive_timeout"].removesuffix("s")) < config.server.timeout.idle
    longest = max(row.min_read_timeout or 0 for row in TRANSLATORS.values())
    assert int(said["proxy_read_timeout"].removesuffix("s")) > longest
    assert said["proxy_next_upstream"] == "off"
    told = f"nginx keeps {said['keepalive']} of them for {said['keepalive_timeout'].removesuffix('s')} s"
    assert told in (ROOT / "docs" / "deploy.md").read_text()
    locations = set(re.findall(r"location (?:= )?(/\S+)", text))
    assert locations == {"/v1/", "/media/", "/callbacks/", "/openapi.json"}
    for one in locations:
        assert any(path.startswith(one) for path in PATHS)


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_reads_its_file(tmp_path: Path) -> None:
    certificate = ROOT / "tests" / "certificates" / "localhost"
    text = (
        (DEPLOY / "nginx.conf").read_text().replace("http2 on;", "")
    )  # older ones have another word
    for name in ("pem", "key"):
        text = text.replace(f"/etc/ssl/ai.example.com.{name}", f"{certificate}.{name}")
    whole = f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ access_log off;\n{text}\n}}"
    for temporary in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        whole = whole.replace(
            "access_log off;", f"access_log off; {temporary}_temp_path {tmp_path}/{temporary};"
        )
    (tmp_path / "nginx.conf").write_text(whole)
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


# Metrics


def test_the_metrics_that_are_watched_exist() -> None:
    there = set(re.findall(r"# TYPE (\w+) ", Metrics().render({("x", "queued"): 1}).decode()))
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    watched = {name for rule in rules for name in re.findall(r"anygate_\w+", rule["expr"])}
    watched |= set(re.findall(r"`(anygate_\w+)`", GUIDE))
    assert watched
    for name in watched:
        assert name in there or name.removesuffix("_bucket") in there, name
    assert len({rule["alert"] for rule in rules}) == len(rules)
    [scrape] = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    assert f'up{{job="{scrape["job_name"]}"}}' in (DEPLOY / "alerts.yaml").read_text()
    assert scrape.get("metrics_path", "/metrics") in PATHS


# The documents


def setting(name: str) -> bool:
    """Whether the config has such a setting: `server.timeout.idle`, `keys`, `media.dir`."""
    where: tuple[str, ...] = ()
    for part in name.split("."):
        section = SECTIONS.get(where) or SECTIONS.get((*where[:-1], "*"))
        fields: Mapping[str, Any] = section.model_fields if section else {}
        if part not in fields:
            return False
        where = (*where, part)
    return True


@pytest.mark.parametrize("text", [SECURITY, GUIDE], ids=["security", "deploy"])
def test_settings_that_are_named_exist(text: str) -> None:
    sections = "|".join(str(one) for one in Config.model_fields)
    named = set(re.findall(rf"`((?:{sections})\.[a-z_.]+)`", text))
    assert named
    assert not [one for one in named if not setting(one)]
    assert not setting("server.nothing")


@pytest.mark.parametrize("text", [SECURITY, GUIDE], ids=["security", "deploy"])
def test_files_that_are_named_exist(text: str) -> None:
    named = set(re.findall(r"`((?:deploy|tests|docs|proxy)/[\w./-]+)`", text))
    assert named
    assert not [one for one in named if not (ROOT / one).exists()]


def test_every_defence_names_its_test() -> None:
    """`tests/e2e/test_x.py`: `test_a`, `test_b` in each line of the table, and all of them are there."""
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(rows) >= 15
    for row in rows:
        file = ""
        for name in re.findall(r"`(tests/[\w/]+\.py|test_\w+)`", row):
            if name.startswith("tests/"):
                file = (ROOT / name).read_text()
            else:
                assert re.search(rf"def {name}\(", file), name
    for line in SECURITY.splitlines():
        if line.startswith("| ") and not line.startswith(("| ---", "| what")):
            assert "`tests/" in line, line
