"""A comparison on a cluster of two workers: the same records as here, also where a worker is killed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

import leantune as lt
from leantune.core.errors import SpecError
from leantune.core.records import TrialRecord
from leantune.execution.cluster import Cluster

METHODS = ["full(lr=0.01)", "head", "distill(teacher='full(lr=0.01)', hard=0.3, temperature=2) | layers(1) | full(lr=0.01)"]
OPTIONS: dict[str, Any] = {"batch": 8, "budget": "12steps", "seeds": 2, "quiet": True, "keep_all": True}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As many as a trial has on a cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def alone(base: str, tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> dict[str, Any]:
    run = tmp_path_factory.mktemp("alone") / "run"
    lt.compare(lt.study(tickets, model=base, out=run, **OPTIONS), METHODS)
    return records(run)


def records(run: Path) -> dict[str, Any]:
    """What trials left, without clocks."""
    found = [TrialRecord.model_validate_json(path.read_bytes()) for path in run.glob("trials/*/record.json")]
    return {record.digest: (record.name, record.seed, record.files, record.scores, record.status) for record in found}


def workers() -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if any(word.startswith("ray::Hand") for word in one.info["cmdline"] or ())]


@pytest.mark.slow
def test_two_workers_leave_the_same_records_though_one_is_killed(
    alone: dict[str, Any], base: str, tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    killed = list[int]()

    def kill_one() -> None:
        while not list(tmp_path.glob("run/trials/*/record.json")):  # until the first trial has come back
            time.sleep(0.05)
        victim = workers()[0]
        killed.append(victim.pid)
        victim.kill()

    thread = threading.Thread(target=kill_one, daemon=True)
    thread.start()
    found = lt.compare(lt.study(tickets, model=base, out=tmp_path / "run", **OPTIONS), METHODS, on="ray:2")
    thread.join(timeout=1)
    assert killed
    theirs = records(tmp_path / "run")
    assert {digest: theirs[digest] for digest in alone} == alone
    assert {row.verdict for row in found.comparison.methods if row.name in METHODS}.isdisjoint({"failed"})
    assert not workers(), "nothing is left running"


def environment_without_ray() -> dict[str, str]:
    """Nothing of a cluster that this process has been in."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


@pytest.fixture
def head() -> Iterator[str]:
    """A cluster of two processors that runs by itself, as `ray start` leaves one; its address."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        own, client, agent = (str(one.getsockname()[1]) for one in sockets)
    command = ["start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false", "--port", own]
    command += ["--ray-client-server-port", client, "--runtime-env-agent-port", agent, "--min-worker-port=0", "--max-worker-port=0"]
    environment = environment_without_ray() | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    ray = Path(sys.executable).with_name("ray")
    process = subprocess.Popen([ray, *command], env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield f"ray://127.0.0.1:{client}"
    finally:
        family = [process, *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


@pytest.mark.slow
def test_a_cluster_that_runs_leaves_the_same_records(alone: dict[str, Any], base: str, tickets: Path, tmp_path: Path, head: str) -> None:
    command = [sys.executable, "-m", "leantune.cli.main", "compare", str(tickets), "--model", base, "--methods", ",".join(METHODS)]
    command += ["--batch=8", "--budget=12steps", "--seeds=2", "--quiet", "--keep-all", "--out", str(tmp_path / "run"), "--on", head]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment_without_ray())
    assert done.returncode == 0, done.stderr
    theirs = records(tmp_path / "run")
    assert {digest: theirs[digest] for digest in alone} == alone


@pytest.mark.parametrize("address", ["rey", "ray:0", "ray:", "10.0.0.1:6379", "ray//x"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(SpecError, match=r"names no cluster\. Write ray, ray:N"):
        Cluster.joined(address)


def test_what_is_not_installed_and_who_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        @staticmethod
        def init(**options: object) -> None:
            raise ConnectionError(f"no server at {options['address']}")

    monkeypatch.setitem(sys.modules, "ray", Silent)
    with pytest.raises(SpecError, match=r"--on ray://far:10001: no cluster answers there \(no server at ray://far:10001\)"):
        Cluster.joined("ray://far:10001")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SpecError, match=r'pip install "leantune\[ray\]"'):
        Cluster.joined("ray")


def test_several_tasks_are_for_one_machine(base: str, tickets: Path, tmp_path: Path) -> None:
    mixed = lt.study({"a": str(tickets), "b": str(tickets)}, model=base, out=tmp_path, quiet=True)
    with pytest.raises(SpecError, match="--on is for one task at a time"):
        lt.compare(mixed, ["full"], on="ray")  # type: ignore[call-overload]
