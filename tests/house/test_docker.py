"""The images and the composition, checked without a container engine."""

import re
import shlex
import subprocess
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.house.tree import ROOT

DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FLOATING = re.compile(r"^[^:]+$|:latest$|:\d+$")  # no tag, or one that may be another major version tomorrow


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, arguments) in order, continued lines joined, comments left out."""
    lines = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, rest.strip()) for line in lines.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]
    ]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, those of the stages it starts from first."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for word, rest in instructions():
        if word == "FROM":
            parent, _, name = rest.split()
            found[name] = list(found.get(parent, []))
        elif name:
            found[name].append((word, rest))
    return found


def last(stage: str, instruction: str) -> str:
    """The last of these instructions in a stage: the one that counts."""
    return [rest for word, rest in stages()[stage] if word == instruction][-1]


def is_ignored_by_docker(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the build context; the last rule that fits decides."""
    ignored = False
    for rule in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = rule.removeprefix("!")
        if rule and not rule.startswith("#") and (fnmatch(path, pattern) or fnmatch(path.partition("/")[0], pattern)):
            ignored = not rule.startswith("!")
    return ignored


def test_both_targets_exist_and_take_an_accelerator() -> None:
    assert {"build", "runtime", "worker", "api"} <= set(stages())
    assert ("ARG", "ACCELERATOR=cpu") in stages()["build"]


@pytest.mark.parametrize("target", ["api", "worker"])
def test_images_run_as_an_ordinary_user(target: str) -> None:
    user = last(target, "USER").split(":")[0]
    assert user.isdigit(), "Kubernetes can tell that a number is not root, and of a name it cannot"
    assert int(user) > 0


@pytest.mark.parametrize("target", ["api", "worker"])
def test_final_images_hold_no_build_tools(target: str) -> None:
    """Everything is built in the first stage and copied; nothing is installed afterwards."""
    assert not [rest for word, rest in stages()[target] if word == "RUN" and re.search(r"\b(pip|apt-get|gcc)\b", rest)]
    assert {rest.split()[0] for word, rest in stages()[target] if word == "COPY"} == {"--from=build"}


@pytest.mark.parametrize("target", ["api", "worker"])
def test_health_checks_ask_readyz_with_what_the_image_has(target: str) -> None:
    check = last(target, "HEALTHCHECK")
    command = yaml.safe_load(check[check.index("[") :])
    assert command[0] == "python"
    compile(command[2], "HEALTHCHECK", "exec")
    assert "/readyz" in command[2]


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    copied = [
        path
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for path in shlex.split(rest)[:-1]
    ]
    assert {"alembic", "effscale_start.py", "models", "search", "service", "pyproject.toml"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists(), path
        assert not is_ignored_by_docker(path), f".dockerignore keeps {path} out"
        result = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, capture_output=True, check=False)
        assert result.returncode != 0, f".gitignore keeps {path} out"
    assert is_ignored_by_docker("effscale-data/effscale.db")
    assert is_ignored_by_docker("docker/server.env")


def test_every_package_of_an_image_is_hashed() -> None:
    installs = re.findall(
        r"\bpip (?:--python \S+ )?install ([^&]*)", " && ".join(rest for word, rest in instructions() if word == "RUN")
    )
    assert len(installs) == 3
    for arguments in installs:
        assert "--require-hashes" in arguments or arguments.strip() == "--no-deps /wheels/*.whl"


def test_images_are_pinned() -> None:
    base = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG")["BASE"]
    for image in [base, *(service["image"] for service in SERVICES.values())]:
        assert not FLOATING.search(image), image


def is_one_shot(service: dict[str, Any]) -> bool:
    """Whether a service ends by itself."""
    return service.get("restart") == "no"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_or_ends(name: str) -> None:
    service = SERVICES[name]
    own_check = bool(service.get("healthcheck", {}).get("test"))
    image_check = "build" in service and any(w == "HEALTHCHECK" for w, _ in stages()[service["build"]["target"]])
    assert is_one_shot(service) or own_check or image_check


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_they_need(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if is_one_shot(SERVICES[other]) else "service_healthy"
        assert how["condition"] == wanted, f"{name} on {other}"


def test_the_order_is_database_migration_api_worker() -> None:
    needs = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert needs == {
        "postgres": set(),
        "migrate": {"postgres"},
        "api": {"migrate"},
        "worker": {"api"},
        "worker-gpu": {"api"},
    }


def test_only_the_api_is_published_and_only_to_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in ports["api"])


def test_secrets_come_from_files_that_are_not_committed() -> None:
    for name, service in SERVICES.items():
        assert not [key for key in service.get("environment", {}) if re.search("PASSWORD|KEY|DATABASE_URL", key)], name
        example = ROOT / "docker" / (service["env_file"] + ".example")
        assert example.exists()
        ignored = subprocess.run(["git", "check-ignore", "-q", f"docker/{service['env_file']}"], cwd=ROOT, check=False)
        assert ignored.returncode == 0 or not (ROOT / ".git").exists()


def test_a_worker_holds_no_database_credentials() -> None:
    for name in ("worker", "worker-gpu"):
        assert SERVICES[name]["env_file"] == "worker.env"
    assert "EFFSCALE_DATABASE_URL" not in (ROOT / "docker/worker.env.example").read_text(encoding="utf-8")


def test_every_variable_is_a_setting() -> None:
    known = {f"EFFSCALE_{field.upper()}" for field in Settings.model_fields}
    examples = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docker").glob("*.example"))
    used = set(re.findall(r"EFFSCALE_[A-Z_]+", DOCKERFILE + yaml.safe_dump(COMPOSE) + examples))
    assert used
    assert used <= known


def test_a_worker_has_time_to_drain() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert int(service["stop_grace_period"].removesuffix("s")) > 30
