"""`mien serve` as a user starts and ends it: what it refuses to do, what it prints, how it ends."""

import builtins
import json
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mien import Recognizer
from mien.cli import main
from mien.core.errors import InputError
from mien.serving.server import BACKLOG, listen, serve
from mien.serving.settings import ServeSettings, is_loopback
from tests.serving.running import TOKEN, Answer, GatedDetector, RunningService, grey, running, served, started, wait_for

Capture = pytest.CaptureFixture[str]


def refused(capsys: Capture, *arguments: object) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["serve", *map(str, arguments)])
    found = capsys.readouterr()
    assert (ended.value.code, found.out) == (2, "")
    assert found.err.count("\n") == 1
    return found.err


def test_an_address_of_others_needs_a_token(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIEN_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", ""):
        assert "can be reached by others, and needs a token: set MIEN_TOKEN" in refused(capsys, "--host", host)
    (tmp_path / "tokens").write_text("# none\n\n")
    assert "no token in it; expected one a line" in refused(capsys, "--token-file", tmp_path / "tokens")
    (tmp_path / "tokens").write_text("short\n")
    assert "token 1: expected at least 16 ASCII characters" in refused(capsys, "--token-file", tmp_path / "tokens")
    assert "No such file" in refused(capsys, "--token-file", tmp_path / "gone")
    monkeypatch.setenv("MIEN_TOKEN", "a token with spaces in it")
    assert refused(capsys).startswith("mien: MIEN_TOKEN: token 1: expected")


def test_tokens_of_the_variable_or_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIEN_TOKEN", raising=False)
    assert ServeSettings().tokens() == ()
    monkeypatch.setenv("MIEN_TOKEN", f"{TOKEN}\n")
    assert ServeSettings(host="0.0.0.0").tokens() == (TOKEN,)
    for text in (f"# ours\n{'a' * 16}\n{'b' * 16}\n", f"\ufeff{'a' * 16}\r\n\r\n  {'b' * 16}"):
        (tmp_path / "tokens").write_text(text, encoding="utf-8", newline="")
        assert ServeSettings(token_file=tmp_path / "tokens").tokens() == ("a" * 16, "b" * 16)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_tokens_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, as `--token-file <(command)` is, has them once."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[f"{TOKEN}\n"])
    writer.start()
    found = list[Any]()

    def stop(settings: ServeSettings, *, tokens: Any) -> None:
        found.extend(tokens)
        raise InputError("enough")

    monkeypatch.setattr("mien.serving.server.Service", stop)
    with pytest.raises(InputError, match="enough"):
        serve(ServeSettings(port=0, token_file=tmp_path / "pipe"))
    writer.join()
    assert found == [TOKEN]


def test_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.0.2.1", "")] == [False] * 4
    with pytest.raises(InputError, match=r"--host no\.such\.host\.invalid: no such address"):
        is_loopback("no.such.host.invalid")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queue", 3], "--queue 3: expected at least 16, as --max-files"),
        (["--max-held", 31], "--max-held 31: expected at least 32, as --max-body"),
        (["--max-files", 0], "--max-files 0: expected at least 1"),
        (["--threads", 9999], "--threads 9999: expected at most 256"),
        *(
            (["--allow-host", name], f"--allow-host {name!r}: expected a name alone")
            for name in ("", "https://faces.example.org", "faces.example.org:443", "faces.example.org/", "ü.example")
        ),
        *(
            (["--allow-origin", name], f"--allow-origin {name!r}: expected scheme and name alone")
            for name in ("*", "null", "app.example.org", "https://app.example.org/", "ftp://app.example.org")
        ),
        (["--port", 70000], "--port 70000: expected at most 65535"),
        (["--seconds", "inf"], "--seconds inf: expected a number above 0"),
        (["--drain-seconds", 0], "--drain-seconds 0: expected a number above 0"),
        (["--threads", 0], "--threads 0: expected at least 1"),
        (["--model", "none.onnx"], "none.onnx: no such model"),
        (["--detector", "haar"], "mien has no Haar cascade"),
        (["--host", "no.such.host.invalid"], "no such address"),
    ],
)
def test_wrong_settings_are_one_line(capsys: Capture, arguments: list[object], words: str) -> None:
    assert words in refused(capsys, *(["--port", 0] if "--port" not in arguments else []), *arguments)


def test_a_port_in_use_is_one_line(capsys: Capture, service: RunningService) -> None:
    assert f"port {service.port} of 127.0.0.1: Address already in use" in refused(capsys, "--port", service.port)
    with pytest.raises(InputError, match=r"port 0 of 192\.0\.2\.1: .*; choose another --port"):
        listen("192.0.2.1", 0)


def test_a_missing_extra_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "uvicorn":
            raise ImportError(name)
        return usual(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert refused(capsys) == "mien: mien serve needs an optional part of mien: pip install 'mien[serve]'\n"


posix = pytest.mark.skipif(os.name != "posix", reason="sends a signal")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_with_code_0(model: Path, number: signal.Signals) -> None:
    patient = [option for name in ("--header-seconds", "--drain-seconds") for option in (name, 600)]
    with started("--model", model, "--detector", "none", *patient) as (running, port):
        with served(port).connect():  # an idle connection holds nothing up
            assert served(port).photo().status == 200
            running.send_signal(number)
            assert running.wait(60) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""  # nothing of a request is logged


def test_at_the_end_running_requests_are_answered_and_new_ones_are_not(model: Path) -> None:
    gated = GatedDetector()
    found: list[Answer] = []
    with running(Recognizer(model, gated, threads=1)) as service:
        client = threading.Thread(target=lambda: found.append(service.photo()))
        client.start()
        wait_for(lambda: gated.inside == 1)
        assert service.get("/health/ready").status == 200
        service.server.handle_exit(signal.SIGTERM, None)
        wait_for(lambda: service.service.guard.ending)
        answer = service.get("/health/ready")
        assert answer.status == 503
        assert answer.detail == "the service is ending"
        assert service.get("/health/live").status == 200
        answer = service.photo()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        gated.gate.set()
        client.join()
        assert found[0].status == 200
        wait_for(lambda: not reachable(service.port))


def test_at_the_end_nothing_is_waited_for_longer_than_the_time(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), drain_seconds=0.2) as service, service.connect() as connection:
        data = grey(90)
        head = (
            f"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {len(data)}\r\n"
        )
        connection.sendall(head.encode() + b"\r\n" + data)
        wait_for(lambda: gated.inside == 1)
        began = time.monotonic()
        service.server.handle_exit(signal.SIGTERM, None)
        wait_for(lambda: not service.server.server_state.tasks)
        assert time.monotonic() - began > 0.1
        gated.gate.set()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
def test_the_limit_of_open_files_is_raised(model: Path) -> None:
    """As far as needed; where the system does not permit that, it is said."""
    with started("--model", model, "--detector", "none", limits="ulimit -S -n 100") as (running, port):
        limits = Path(f"/proc/{running.pid}/limits").read_text()
        assert int(re.findall(r"Max open files +(\d+)", limits)[0]) > 256 + BACKLOG
        idle = [served(port).connect() for _ in range(400)]
        assert served(port).photo().status == 200
        for connection in idle:
            connection.close()
    with (
        pytest.raises(
            AssertionError, match=r"--connections 256 needs \d+ open files, and the system permits 500 \(ulim"
        ),
        started("--model", model, limits="ulimit -n 500"),
    ):
        pass


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def test_nothing_of_a_photo_is_written(
    default_recognizer: Recognizer, astronaut_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even to a temporary file: a form of several megabytes stays in memory."""
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o500)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_, **__: pytest.fail("a file was made"))
    with running(default_recognizer) as service:
        part = ("file", "private name.png", astronaut_file.read_bytes())
        assert service.form("/v1/faces", *[part] * 4).status == 200
        assert "private" not in service.get("/metrics").body.decode()
    assert not list(folder.iterdir())


def test_the_commands_of_docker_and_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """They can be parsed, and name what the files around them provide."""
    found = list[ServeSettings]()
    monkeypatch.setattr("mien.serving.server.serve", found.append)
    root = Path(__file__).parents[2]
    image = (root / "examples" / "serve" / "Dockerfile").read_text()
    compose = (root / "examples" / "serve" / "compose.yaml").read_text()
    begin = json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", image, re.MULTILINE)[0])
    (more,) = (json.loads(text) for text in re.findall(r"^    command: (\[.*\])$", compose, re.MULTILINE))
    (unit,) = re.findall(r"^ExecStart=/opt/mien/bin/(.*)$", (root / "docs" / "serving.md").read_text(), re.MULTILINE)
    for command in (begin, [*begin, *more], unit.split()):
        with pytest.raises(SystemExit) as ended:
            main(command[1:])
        assert ended.value.code == 0
    assert [one.host for one in found] == ["0.0.0.0"] * 3
    assert found[1].token_file == Path("/run/secrets/tokens")
    assert found[1].videos * found[1].max_video <= 600  # megabytes of the compose file's /tmp
    for path in re.findall(r"^COPY (?!--)(.*) \S+$", image, re.MULTILINE):
        assert all((root / name).exists() for name in path.split())
