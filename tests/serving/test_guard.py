"""Whom the service answers: Host, Origin, CORS, tokens."""

from collections.abc import Iterator

import pytest

from mien import Recognizer
from mien.serving import guard
from tests.serving.running import TOKEN, RunningService, running

OPEN = ("/", "/docs", "/openapi.json", "/serve.css", "/health/live", "/health/ready")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "a b",
        "[::1",
        "",
        "me@localhost",
        "localhost/evil.example",
        "localhost#evil.example",
        "localhost:x",
        "localhost:999999",
    ],
)
def test_other_hosts_are_refused(service: RunningService, host: str) -> None:
    for path in ("/", "/metrics", "/health/live"):
        answer = service.get(path, Host=host.format(port=service.port))
        assert answer.status == 403
        assert answer.detail == "the service does not answer to this Host; --allow-host adds a name"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.:{port}", "localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "192.168.1.7"],
)
def test_names_of_this_machine_and_numbers_are_served(service: RunningService, host: str) -> None:
    assert service.get("/health/live", Host=host.format(port=service.port)).status == 200


def test_a_named_host_is_served(recognizer: Recognizer) -> None:
    with running(recognizer, allow_host=("Faces.example.org",)) as service:
        for host in ("faces.example.org", "FACES.example.org:80", "faces.example.org."):
            assert service.get("/", Host=host).status == 200
        assert service.get("/", Host="other.example.org").status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "http://["]
)
def test_pages_of_other_origins_are_refused(service: RunningService, origin: str) -> None:
    answer = service.photo(Origin=origin)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert service.request("OPTIONS", "/v1/faces", headers=asked).status == 403


def test_our_own_pages_are_served(service: RunningService) -> None:
    answer = service.photo(Origin=service.address)
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_cors_for_the_origins_that_are_named(recognizer: Recognizer) -> None:
    with running(recognizer, allow_origin=("https://app.example.org",)) as service:
        ours = {"Origin": "https://app.example.org"}
        answer = service.request("OPTIONS", "/v1/faces", headers={**ours, "Access-Control-Request-Method": "POST"})
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
        answer = service.photo(**ours)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["vary"] == "origin"
        assert service.photo(b"no photo", **ours).headers["access-control-allow-origin"] == "https://app.example.org"
        assert service.photo(Origin="https://other.example.org").status == 403


class TestToken:
    @pytest.fixture
    def service(self, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
        monkeypatch.setenv("MIEN_TOKEN", TOKEN)
        with running(recognizer) as one:
            yield one

    @pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9", TOKEN])
    def test_a_wrong_one_is_refused_before_the_body_is_read(self, service: RunningService, given: str) -> None:
        for answer in (
            service.photo(**({"Authorization": given} if given else {})),
            service.get("/metrics", **({"Authorization": given} if given else {})),
        ):
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.detail == "a valid token is needed: Authorization: Bearer TOKEN"

    def test_the_right_one_is_served(self, service: RunningService) -> None:
        assert service.photo(Authorization=f"Bearer {TOKEN}").status == 200
        assert service.get("/metrics", Authorization=f"bearer {TOKEN}").status == 200

    def test_pages_and_health_need_none(self, service: RunningService) -> None:
        assert [service.get(path).status for path in OPEN] == [200] * len(OPEN)


def test_every_answer_has_the_security_headers(service: RunningService) -> None:
    kept = service.get("/")  # by the browser, which asks whether it is still the same
    assert kept.headers["cache-control"] == "no-cache"
    for answer in (kept, service.get("/docs"), service.photo(), service.photo(b""), service.get("/no")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "'unsafe-" not in policy  # 'wasm-unsafe-eval' compiles WebAssembly alone
        assert answer.headers["cache-control"] == "no-store" or answer is kept
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_guesses_of_tokens_are_bounded(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an address, in a minute. A valid token is served, and who sends none gets the question for one."""
    monkeypatch.setenv("MIEN_TOKEN", TOKEN)
    clock = 1_000_000_030.0
    monkeypatch.setattr("mien.serving.guard.time.time", lambda: clock)
    with running(recognizer) as service:
        guesses = [service.photo(Authorization=f"Bearer {'x' * 16}{number}") for number in range(40)]
        assert [one.status for one in guesses] == [401] * 30 + [429] * 10
        assert guesses[-1].detail == "30 wrong tokens came from this address in this minute"
        assert 0 < int(guesses[-1].headers["retry-after"]) <= 60
        assert service.photo(Authorization=f"Bearer {TOKEN}").status == 200
        assert service.photo().status == 401
        clock += 60
        assert service.photo(Authorization="Bearer wrong").status == 401


def test_what_is_counted_in_a_minute_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "KEYS", 3)
    counts = guard.MinuteCounts()
    assert [counts.count(key, 2) == 0 for key in "aaabcdef"] == [True, True, False, True, True, True, True, False]
    assert len(counts._counts) == 4
