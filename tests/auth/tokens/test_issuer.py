"""Tokens of this service and of another issuer: whose are accepted, and what they grant."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from analytics.auth.guard import Principal, token_verifier
from analytics.errors import Unauthorised
from config import ConfigError
from tests.auth.tokens.test_tokens import GOOD, sign
from tests.conftest import SECRET

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""
ISSUER = "https://login.example.com/"
EXTERNAL = {"jwt_audience": ("analytics", "stats"), "jwt_issuer": ISSUER}
# What another issuer's token has at least.
CLAIMS = {**GOOD, "aud": "analytics", "iss": ISSUER}


def pair(algorithm: str) -> tuple[Any, str]:
    private = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


def principal_of(app: Flask, token: str) -> Principal:
    with app.app_context():
        return token_verifier().principal(token)


@pytest.fixture
def external(make_app: Callable[..., Flask]) -> Callable[..., Principal]:
    """`external(scope="read")`: the principal of a token of another issuer, with CLAIMS and these; None removes one."""
    private, public = pair("ES256")
    app = make_app(jwt_public_key=public, jwt_algorithm="ES256", **EXTERNAL)

    def ask(**claims: Any) -> Principal:
        given = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
        return principal_of(app, jwt.encode(given, private, "ES256"))

    return ask


@pytest.mark.parametrize("key", [PUBLIC_KEY, SECRET], ids=["public-key-as-a-shared-secret", "shared-secret"])
def test_hs256_is_refused_with_a_public_key(make_app: Callable[..., Flask], key: str) -> None:
    app = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256", **EXTERNAL)
    with pytest.raises(Unauthorised, match="algorithm"):
        principal_of(app, sign(CLAIMS, key=key))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_tokens_of_a_private_key_are_verified_by_its_public_one(make_app: Callable[..., Flask], algorithm: str) -> None:
    private, public = pair(algorithm)
    stranger, _ = pair(algorithm)
    app = make_app(jwt_public_key=public, jwt_algorithm=algorithm, **EXTERNAL)
    assert principal_of(app, jwt.encode(CLAIMS, private, algorithm)).subject == CLAIMS["sub"]
    with pytest.raises(Unauthorised, match="signature"):
        principal_of(app, jwt.encode(CLAIMS, stranger, algorithm))


def test_another_issuer_grants_nothing_by_an_absent_claim(external: Callable[..., Principal]) -> None:
    principal = external()
    assert (principal.scopes, principal.sites) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("site", "sites"), [("*", None), (["shop", "*"], None), ("shop", {"shop"}), (["a", "b"], {"a", "b"})]
)
def test_another_issuer_names_its_scopes_and_sites(external: Callable[..., Principal], site: Any, sites: Any) -> None:
    principal = external(scope="openid read", site=site)
    assert (principal.scopes, principal.sites) == ({"read"}, sites)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "billing-app"}, "accepted as aud: analytics or stats"),
        ({"aud": ["billing-app", "mail"]}, "aud"),
        ({"aud": None}, "lacks the claim aud"),
        ({"aud": [7]}, "aud"),
        ({"iss": "https://evil.example/"}, f"accepted as iss: {ISSUER}"),
        ({"iss": None}, "lacks the claim iss"),
        ({"exp": None}, "lacks the claim exp"),
        ({"sub": None}, "lacks the claim sub"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_token_for_another_service_is_refused(external: Callable[..., Principal], claims: Any, said: str) -> None:
    with pytest.raises(Unauthorised, match=said):
        external(scope="admin", site="*", **claims)


def test_one_of_several_audiences_is_enough(external: Callable[..., Principal]) -> None:
    assert external(aud=["mail", "stats"]).subject == CLAIMS["sub"]


def test_audience_and_issuer_are_checked_with_the_shared_secret_when_set(make_app: Callable[..., Flask]) -> None:
    app = make_app(**EXTERNAL)
    assert principal_of(app, sign(CLAIMS)).sites is None
    with pytest.raises(Unauthorised, match="another audience"):
        principal_of(app, sign({**CLAIMS, "aud": "billing-app"}))


def test_created_token_has_the_audience_and_issuer_of_the_service(make_app: Callable[..., Flask]) -> None:
    app = make_app(**EXTERNAL)
    token = app.test_cli_runner().invoke(args=["token", "create", "--scope", "read"]).stdout.strip()
    assert principal_of(app, token).scopes == {"read"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["aud"], claims["iss"]) == ("analytics", ISSUER)


@pytest.mark.parametrize(
    ("pem", "algorithm"), [("junk", ""), (PUBLIC_KEY, "RS256"), (PUBLIC_KEY, "HS256"), ("", "ES256")]
)
def test_invalid_public_key_stops_the_start(make_app: Callable[..., Flask], pem: str, algorithm: str) -> None:
    with pytest.raises(ConfigError, match=r"^JWT_PUBLIC_KEY: "):
        make_app(jwt_public_key=pem, jwt_algorithm=algorithm, **EXTERNAL)


@pytest.mark.parametrize("source", [{"jwt_public_key": PUBLIC_KEY}, {"jwt_jwks_url": "http://127.0.0.1:1/jwks"}])
@pytest.mark.parametrize(("missing", "variable"), [("jwt_audience", "JWT_AUDIENCE"), ("jwt_issuer", "JWT_ISSUER")])
def test_another_issuer_needs_an_audience_and_a_name(
    make_app: Callable[..., Flask], source: dict[str, str], missing: str, variable: str
) -> None:
    given = {name: value for name, value in EXTERNAL.items() if name != missing}
    with pytest.raises(ConfigError, match=rf"^{variable}: needed with {next(iter(source)).upper()}"):
        make_app(jwt_algorithm="ES256", **source, **given)


def test_two_sources_of_keys_stop_the_start(make_app: Callable[..., Flask]) -> None:
    with pytest.raises(ConfigError, match=r"^JWT_JWKS_URL: JWT_PUBLIC_KEY is set too"):
        make_app(jwt_public_key=PUBLIC_KEY, jwt_jwks_url="http://127.0.0.1:1/jwks", **EXTERNAL)
