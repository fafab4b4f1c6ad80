"""Keys of a JWKS URL: what is read, how often, and what happens while the URL does not answer."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from analytics.auth.guard import token_verifier
from analytics.auth.tokens import jwks
from analytics.errors import Unauthorised, Unavailable
from tests.auth.tokens.test_issuer import CLAIMS, EXTERNAL
from tests.auth.tokens.test_tokens import sign
from tests.waiting import wait_until

ELLIPTIC, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ANSWERS_S = 5.0


def public_jwk(key: Any, kid: str | None, **members: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    found = {**algorithm.to_jwk(key.public_key(), as_dict=True), **members}
    return found if kid is None else found | {"kid": kid}


class Endpoint:
    """An issuer's URL: answers with `body` and `status`, and counts requests."""

    def __init__(self) -> None:
        self.status, self.requests, self.body = 200, 0, b""
        self.headers: dict[str, str] = {}
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.was_asked = threading.Event()

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        self.was_asked.set()
        self.may_answer.wait(ANSWERS_S)
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


@pytest.fixture
def endpoint() -> Iterator[Any]:
    found = Endpoint()
    found.publish(public_jwk(ELLIPTIC, "one"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                found.answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.server = server  # type: ignore[attr-defined]
    found.url = f"http://127.0.0.1:{server.server_address[1]}/jwks?tenant=1"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def check(make_app: Callable[..., Flask], endpoint: Any) -> Callable[[str], str]:
    """The subject of a token, as in a request."""
    app = make_app(jwt_jwks_url=endpoint.url, **EXTERNAL)

    def ask(token: str) -> str:
        with app.app_context():
            return token_verifier().principal(token).subject

    ask.app = app  # type: ignore[attr-defined]
    return ask


def token_of(key: Any, kid: str | None, algorithm: str = "ES256", **claims: Any) -> str:
    return jwt.encode({**CLAIMS, **claims}, key, algorithm, headers={} if kid is None else {"kid": kid})


def wait_for_refresh(app: Flask) -> None:
    for thread in threading.enumerate():
        if thread.name == "jwks":
            thread.join(ANSWERS_S)


def test_a_key_is_found_by_its_kid_with_one_request(check: Any, endpoint: Any) -> None:
    endpoint.publish(public_jwk(OTHER, "two"), public_jwk(ELLIPTIC, "one"))
    assert [check(token_of(ELLIPTIC, "one", sub=str(n))) for n in range(3)] == ["0", "1", "2"]
    assert check(token_of(OTHER, "two")) == CLAIMS["sub"]
    assert endpoint.requests == 1


def test_rsa_keys_are_accepted_too(check: Any, endpoint: Any) -> None:
    key = rsa.generate_private_key(65537, 2048)
    endpoint.publish(public_jwk(key, "r"), public_jwk(ELLIPTIC, "e"))
    assert check(token_of(key, "r", "RS256")) == check(token_of(ELLIPTIC, "e")) == CLAIMS["sub"]


def test_token_without_kid_needs_a_single_key(check: Any, endpoint: Any, at: Any) -> None:
    assert check(token_of(ELLIPTIC, None)) == CLAIMS["sub"]
    endpoint.publish(public_jwk(ELLIPTIC, "one"), public_jwk(OTHER, "two"))
    at(301)
    check(token_of(ELLIPTIC, "one"))
    wait_for_refresh(check.app)
    with pytest.raises(Unauthorised, match="kid"):
        check(token_of(ELLIPTIC, None))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: token_of(OTHER, "one"), id="of-another-key"),
        pytest.param(lambda: token_of(OTHER, "two"), id="of-an-unknown-kid"),
        pytest.param(lambda: sign(CLAIMS, header={"alg": "HS256", "kid": "one"}), id="HS256"),
        pytest.param(lambda: sign(CLAIMS, header={"alg": "none", "kid": "one"}), id="none"),
        pytest.param(lambda: sign(CLAIMS, header={"alg": "RS256", "kid": "one"}), id="another-algorithm-than-the-key"),
        pytest.param(lambda: sign(CLAIMS, header={"alg": "ES256", "kid": 7}), id="kid-a-number"),
        pytest.param(lambda: sign(CLAIMS, header={"alg": ["ES256"], "kid": "one"}), id="alg-a-list"),
    ],
)
def test_forged_token_is_refused(check: Any, make: Callable[[], str]) -> None:
    assert check(token_of(ELLIPTIC, "one"))
    with pytest.raises(Unauthorised):
        check(make())


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param(
            {"kty": "oct", "k": "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLWhzMjU2", "alg": "HS256"}, id="shared"
        ),
        pytest.param(public_jwk(ELLIPTIC, None, use="enc"), id="for-encryption"),
        pytest.param(public_jwk(ec.generate_private_key(ec.SECP384R1()), None), id="ES384"),
        pytest.param(public_jwk(rsa.generate_private_key(65537, 1024), None), id="RSA-1024"),
        pytest.param({"kty": "RSA", "n": "AQAB", "alg": ["RS256"]}, id="alg-a-list"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA"}, id="half-a-key"),
        pytest.param(7, id="a-number"),
    ],
)
def test_other_keys_of_the_set_are_ignored(unusable: Any) -> None:
    entry = unusable | {"kid": "bad"} if isinstance(unusable, dict) else unusable
    body = json.dumps({"keys": [entry, public_jwk(ELLIPTIC, "one")]}).encode()
    assert list(jwks.parse_keys(body, ("RS256", "ES256"))) == ["one"]


def test_new_key_is_read_at_once_and_then_not_for_a_while(check: Any, endpoint: Any, at: Any) -> None:
    assert check(token_of(ELLIPTIC, "one"))
    at(11)
    endpoint.publish(public_jwk(ELLIPTIC, "one"), public_jwk(OTHER, "two"))
    assert check(token_of(OTHER, "two"))
    for number in range(20):
        with pytest.raises(Unauthorised, match="kid"):
            check(token_of(OTHER, f"unknown-{number}"))
    assert endpoint.requests == 2
    at(22)
    with pytest.raises(Unauthorised, match="kid"):
        check(token_of(OTHER, "unknown"))
    assert endpoint.requests == 3


def test_removed_key_is_refused_also_for_tokens_that_were_verified(check: Any, endpoint: Any, at: Any) -> None:
    token = token_of(ELLIPTIC, "one")
    assert check(token)
    endpoint.publish(public_jwk(OTHER, "two"))
    at(301)
    assert check(token), "the request that finds the set old does not wait"
    wait_for_refresh(check.app)
    with pytest.raises(Unauthorised, match="kid"):
        check(token)


def test_known_key_does_not_wait_for_an_endpoint_that_hangs(check: Any, endpoint: Any, at: Any) -> None:
    assert check(token_of(ELLIPTIC, "one"))
    endpoint.may_answer.clear()
    endpoint.was_asked.clear()
    at(301)
    check(token_of(ELLIPTIC, "one", sub="a"))
    assert endpoint.was_asked.wait(ANSWERS_S)
    assert [check(token_of(ELLIPTIC, "one", sub=str(n))) for n in range(50)] == [str(n) for n in range(50)]
    with pytest.raises(Unavailable) as caught:
        check(token_of(OTHER, "two"))
    assert caught.value.retry_after_s == 1
    assert endpoint.requests == 2
    endpoint.may_answer.set()
    wait_for_refresh(check.app)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        pytest.param(500, b"{}", {}, id="500"),
        pytest.param(302, b"", {"Location": "/elsewhere"}, id="redirect"),
        pytest.param(200, b"<html>", {}, id="no-json"),
        pytest.param(200, b"[" * 100_000, {}, id="deep-json"),
        pytest.param(200, b'{"keys": []}', {}, id="no-keys"),
        pytest.param(200, b"[1]", {}, id="a-list"),
        pytest.param(200, b" " * 500_001, {}, id="too-long"),
        pytest.param(200, b'{"keys"', {"Content-Length": "900"}, id="cut"),
    ],
)
def test_last_keys_stay_in_use_while_the_endpoint_is_broken(
    check: Any, endpoint: Any, at: Any, status: int, body: bytes, headers: dict[str, str]
) -> None:
    assert check(token_of(ELLIPTIC, "one"))
    endpoint.status, endpoint.body, endpoint.headers = status, body, headers
    at(100_000)
    check(token_of(ELLIPTIC, "one", sub="a"))
    wait_for_refresh(check.app)
    assert endpoint.requests == 2
    assert check(token_of(ELLIPTIC, "one", sub="b")) == "b"


def test_without_any_key_the_caller_may_retry(check: Any, endpoint: Any, at: Any) -> None:
    endpoint.status = 503
    for _ in range(5):
        with pytest.raises(Unavailable, match="JWT_JWKS_URL"):
            check(token_of(ELLIPTIC, "one"))
    assert endpoint.requests == 1
    endpoint.status = 200
    at(11)
    assert check(token_of(ELLIPTIC, "one"))


def test_first_requests_wait_for_one_fetch(check: Any, endpoint: Any) -> None:
    endpoint.may_answer.clear()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(check(token_of(ELLIPTIC, "one")))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert endpoint.was_asked.wait(ANSWERS_S)
    endpoint.may_answer.set()
    for thread in threads:
        thread.join(ANSWERS_S)
    assert (len(found), endpoint.requests) == (5, 1)


def test_probes_do_not_wait_for_an_issuer_that_hangs(
    make_app: Callable[..., Flask], endpoint: Any, auth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_DEADLINE_S", ANSWERS_S)
    client = make_app(jwt_jwks_url=endpoint.url, **EXTERNAL).test_client()
    headers = auth(token_of(ELLIPTIC, "one", scope="admin"))
    endpoint.may_answer.clear()
    for route in ("/livez", "/readyz", "/readyz?role=reports"):
        assert client.get(route, headers=headers).status_code == 200
    assert not endpoint.was_asked.is_set()
    assert "queue" not in client.get("/health", headers=headers).json
    assert any(thread.name == "jwks" for thread in threading.enumerate()), "the keys are still being read"
    endpoint.may_answer.set()
    wait_until(lambda: "queue" in client.get("/health", headers=headers).json)
    assert endpoint.requests == 1


def test_response_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "FETCH_DEADLINE_S", 0.3)
    ended = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                self.send_response(200)
                self.end_headers()
                while not ended.wait(0.05):
                    self.wfile.write(b" ")
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(OSError, match="no response within"):
            jwks.fetch(f"http://127.0.0.1:{server.server_address[1]}/")
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of localhost and its key, in one file."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, ELLIPTIC.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(ELLIPTIC, hashes.SHA256())
    )
    key = ELLIPTIC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / "certificate.pem"
    file.write_bytes(key + made.public_bytes(Encoding.PEM))
    return file


def test_certificate_is_checked(endpoint: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    endpoint.server.socket = context.wrap_socket(endpoint.server.socket, server_side=True)
    url = endpoint.url.replace("http://127.0.0.1", "https://localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        jwks.fetch(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert jwks.fetch(url) == endpoint.body
