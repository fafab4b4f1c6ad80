"""The routes of keys, tokens and share links: what admins create, list, rotate and revoke, and what they cannot give."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.sites import sites

KEYS, TOKENS = "/api/analytics/keys", "/api/analytics/tokens"
LINKS = "/api/analytics/sites/default/share-links"
NOBODY = "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"
PUBLISHABLE = {"kind": "publishable", "site": "default", "origins": ["https://shop.example"], "name": "Website"}


@pytest.fixture
def call(client, site, token, auth):
    """`call("post", path, body, status, caller=token)`: the response's JSON; the caller is an admin of all sites."""
    admin = token("admin", sub="boss")

    def send(method, path, body=None, status=200, caller=None):
        fields = {} if body is None else {"json": body}
        response = client.open(path, method=method.upper(), headers=auth(caller or admin), **fields)
        assert response.status_code == status, response.json
        return response.json

    return send


@pytest.fixture
def shop(engine):
    with engine.begin() as connection:
        return sites.create_site(connection, "shop")


@pytest.fixture
def shop_admin(token, shop):
    """The token of an admin of the site `shop` only."""
    return token("admin", site="shop", sub="shop-boss")


@pytest.mark.parametrize("subject", ["key:5f0c1d2e", "share:5f0c1d2e"])
def test_token_with_the_subject_of_a_key_is_refused(call, app, subject):
    refused = call("post", TOKENS, {"subject": subject, "scopes": ["read"]}, 422)
    assert "for example reporting" in str(refused["errors"])
    result = app.test_cli_runner().invoke(args=["token", "create", "--sub", subject])
    assert (result.exit_code, "for example reporting" in result.output) == (2, True)


def test_rotating_twice_is_refused_while_the_successor_is_valid(call, make_key):
    admin = make_key("secret", ["admin"])
    old = call("post", KEYS, {"kind": "secret", "scopes": ["read"]}, 201, admin)
    rotate = f"{KEYS}/{old['id']}/rotate"
    lost = call("post", rotate, {"overlap_s": 3600}, 201, admin)
    refused = call("post", rotate, {"overlap_s": 3600}, 409, admin)
    assert f"DELETE {KEYS}/{lost['id']}" in refused["detail"]
    call("delete", f"{KEYS}/{lost['id']}", status=204)
    # The old key ends within the hour, its new successor never, as the old key when it was created.
    assert call("post", rotate, None, 201, admin)["expires_at"] is None


def can_read(client, auth, credential):
    return client.get("/api/analytics/sites", headers=auth(credential)).status_code == 200


def test_publishable_key_is_shown_again_and_sends(call, client, auth):
    created = call("post", KEYS, PUBLISHABLE, 201)
    assert created["key"].startswith(created["prefix"])
    assert [one["key"] for one in call("get", KEYS)["keys"]] == [created["key"]]
    assert (created["scopes"], created["sites"], created["origins"]) == (
        ["ingest"],
        ["default"],
        PUBLISHABLE["origins"],
    )
    response = client.post("/api/analytics/ingest", json=[{"type": "a", "user_id": "u"}], headers=auth(created["key"])
                           | {"Origin": "https://shop.example"})  # fmt: skip
    assert response.status_code == 202


def test_secret_key_is_shown_once(call, client, auth):
    created = call("post", KEYS, {"kind": "secret", "scopes": ["admin"], "site": "default"}, 201)
    assert can_read(client, auth, created["key"])
    [listed] = call("get", KEYS)["keys"]
    assert listed == created | {"key": None, "last_used_at": listed["last_used_at"]}
    assert created["created_by"] == "boss"


def test_revoked_key_is_refused_and_still_listed(call, client, auth, at):
    created = call("post", KEYS, {"kind": "secret", "scopes": ["admin"]}, 201)
    assert can_read(client, auth, created["key"])
    call("delete", f"{KEYS}/{created['id']}", status=204)
    call("delete", f"{KEYS}/{created['id']}", status=204)
    at(3)
    assert not can_read(client, auth, created["key"])
    assert call("get", KEYS)["keys"][0]["revoked_at"]
    assert "revoked" in call("post", f"{KEYS}/{created['id']}/rotate", status=409)["detail"]


@pytest.mark.parametrize(("body", "old_works"), [(None, True), ({"overlap_s": 600}, True), ({"overlap_s": 0}, False)])
def test_rotation_gives_a_new_key_beside_the_old(call, client, auth, at, body, old_works):
    old = call("post", KEYS, {"kind": "secret", "scopes": ["admin"], "name": "ci"}, 201)
    assert can_read(client, auth, old["key"])
    new = call("post", f"{KEYS}/{old['id']}/rotate", body, 201)
    assert (new["rotated_from"], new["name"], new["subject"]) == (old["id"], "ci", old["subject"])
    at(3)
    assert can_read(client, auth, new["key"])
    assert can_read(client, auth, old["key"]) is old_works


@pytest.mark.parametrize(("body", "field"), [
    ({"kind": "publishable"}, "site"), ({"kind": "publishable", "sites": ["default", "shop"]}, "site"),
    ({"kind": "publishable", "site": "default", "scopes": ["read"]}, "scopes"),
    ({"kind": "secret", "origins": ["https://a.org"]}, "origins"), ({"kind": "other"}, "kind"), ({}, "kind"),
    ({"kind": "secret", "site": "nowhere"}, "site"), ({"kind": "secret", "sites": ["default", "nowhere"]}, "sites"),
    ({"kind": "secret", "site": "default", "sites": ["default"]}, "site"), ({"kind": "secret", "sites": []}, "sites"),
    ({"kind": "secret", "scopes": ["fly"]}, "scopes[0]"), ({"kind": "secret", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    (PUBLISHABLE | {"origins": ["shop.example"]}, "origins"), ({"kind": "secret", "key": "sk_mine"}, "key"),
])  # fmt: skip
def test_key_that_cannot_be_is_refused_by_field(call, shop, body, field):
    assert field in [one["field"] for one in call("post", KEYS, body, 422)["errors"]]


@pytest.mark.parametrize(("path", "body"), [(KEYS, {"kind": "secret"}), (TOKENS, {"subject": "x"})])
def test_admin_of_a_site_gives_its_own_sites_only(call, shop_admin, path, body):
    assert call("post", path, body, 201, shop_admin)["sites"] == ["shop"]
    for wanted in ({"site": "default"}, {"sites": ["shop", "default"]}):
        problem = call("post", path, body | wanted, 403, shop_admin)
        assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == (*wanted, "exceeds_own_rights")


@pytest.mark.parametrize(("path", "body"), [
    (KEYS, {"kind": "secret"}), (TOKENS, {"subject": "x"}), (LINKS, {}),
])  # fmt: skip
def test_nothing_outlives_the_credential_that_creates_it(call, token, path, body):
    ending = token("admin")
    ends_at = datetime.fromisoformat(call("post", path, body, 201, ending)["expires_at"])
    assert abs(ends_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
    for wanted in (None, "2099-01-01T00:00:00Z"):
        problem = call("post", path, body | {"expires_at": wanted}, 403, ending)
        assert problem["errors"][0]["field"] == "expires_at"


def test_key_that_never_ends_gives_what_never_ends(call, make_key):
    boss = make_key("secret", ["admin"])
    assert call("post", KEYS, {"kind": "secret"}, 201, boss)["expires_at"] is None
    assert call("post", TOKENS, {"subject": "x", "expires_at": None}, 201, boss)["expires_at"] is None


def test_admin_of_a_site_neither_sees_nor_changes_what_is_for_others(call, shop_admin, make_key, site, shop, engine):
    from analytics.auth.keys import keys

    for_shop, for_default, for_all = make_key("secret", ["read"], shop), make_key("secret", ["read"], site), make_key()
    both = make_key("secret", ["read"], site, shop)
    with engine.connect() as connection:
        ids = {name: keys.find_key(connection, name).id for name in (for_shop, for_default, for_all, both)}
    assert [one["id"] for one in call("get", KEYS, caller=shop_admin)["keys"]] == [ids[for_shop]]
    for hidden in (for_default, for_all, both):
        call("delete", f"{KEYS}/{ids[hidden]}", status=404, caller=shop_admin)
        call("post", f"{KEYS}/{ids[hidden]}/rotate", status=404, caller=shop_admin)
    call("delete", f"{KEYS}/{ids[for_shop]}", status=204, caller=shop_admin)
    call("get", LINKS, status=403, caller=shop_admin)
    call("post", LINKS, {}, 403, shop_admin)


def test_key_without_sites_is_not_for_the_admin_of_any(call, shop_admin, make_key, site, sql):
    make_key("secret", ["read"], site)
    sql("DELETE FROM sites WHERE key = 'default' RETURNING 1")
    assert call("get", KEYS, caller=shop_admin)["keys"] == []
    assert call("get", KEYS)["keys"][0]["sites"] == []


def test_issued_token_works_is_listed_and_can_be_revoked(call, client, auth, at, sql):
    issued = call("post", TOKENS, {"subject": "report", "scopes": ["admin"], "site": "default"}, 201)
    assert can_read(client, auth, issued["token"])
    [listed] = call("get", TOKENS)["tokens"]
    assert listed == issued | {"token": None}
    assert (listed["subject"], listed["issued_by"], listed["scopes"]) == ("report", "boss", ["admin"])
    call("delete", f"{TOKENS}/{issued['jti']}", status=204)
    at(3)
    assert not can_read(client, auth, issued["token"])
    assert call("get", TOKENS)["tokens"][0]["revoked_at"]
    actions = sql("SELECT action, actor FROM audit_log ORDER BY id")
    assert actions[-2:] == [("token.create", "boss"), ("token.revoke", "boss")]


def test_admin_of_a_site_revokes_its_own_tokens_only(call, shop_admin):
    mine = call("post", TOKENS, {"subject": "x"}, 201, shop_admin)
    other = call("post", TOKENS, {"subject": "x", "site": "default"}, 201)
    assert [one["jti"] for one in call("get", TOKENS, caller=shop_admin)["tokens"]] == [mine["jti"]]
    for jti in (other["jti"], "another-issuers"):
        call("delete", f"{TOKENS}/{jti}", status=404, caller=shop_admin)
    call("delete", f"{TOKENS}/another-issuers", status=204)


def test_tokens_are_not_issued_where_only_a_public_key_is_known(make_app, site, make_key, auth):
    from tests.auth.tokens.test_issuer import EXTERNAL, PUBLIC_KEY

    client = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256", **EXTERNAL).test_client()
    response = client.post(TOKENS, json={"subject": "x"}, headers=auth(make_key("secret", ["admin"])))
    assert (response.status_code, "another service" in response.json["detail"]) == (409, True)


def test_share_link_shows_the_site_until_it_is_revoked(call, client, at):
    created = call("post", LINKS, {"label": "For the board"}, 201)
    report = f"/api/analytics/reports/dau?share={created['token']}"
    assert client.get(report).json["meta"]["site"] == "default"
    assert client.head(report).status_code == 200
    [listed] = call("get", LINKS)["share_links"]
    assert listed == created | {"token": None, "last_used_at": listed["last_used_at"]}
    call("delete", f"{LINKS}/{created['id']}", status=204)
    at(3)
    assert "share link" in client.get(report).json["detail"]
    assert client.get(report).status_code == 401
    assert call("get", LINKS)["share_links"][0]["revoked_at"]


def test_share_link_ends(call, client, at):
    until = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    created = call("post", LINKS, {"expires_at": until}, 201)
    report = f"/api/analytics/reports/dau?share={created['token']}"
    assert client.get(report).status_code == 200
    at(61)
    assert "the share link expired at" in client.get(report).json["detail"]


@pytest.mark.parametrize("way", ["account", "token of half an hour"])
def test_what_somebody_creates_in_a_browser_ends_with_their_account_or_token(call, client, app, way):
    if way == "account":
        run = app.test_cli_runner().invoke
        run(args=["user", "set-password", "ann", "--scope", "admin", "--password", "correct horse"])
        form, end = {"name": "ann", "password": "correct horse"}, None
    else:
        issued = call("post", TOKENS, {"subject": "ann", "scopes": ["admin"], "expires_at": _in_minutes(30)}, 201)
        form, end = {"token": issued["token"]}, issued["expires_at"]
    assert client.post("/login", data=form).status_code == 303
    for path, body in ((LINKS, {"label": "x"}), (KEYS, PUBLISHABLE)):
        made = client.post(path, json=body, headers={"X-CSRF-Token": "1"})
        assert (made.status_code, made.json["expires_at"]) == (201, end), made.json
    if end is not None:
        late = client.post(LINKS, json={"expires_at": _in_minutes(40)}, headers={"X-CSRF-Token": "1"})
        assert (late.status_code, late.json["errors"][0]["code"]) == (403, "exceeds_own_rights")


def _in_minutes(minutes):
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")


@pytest.mark.parametrize(("method", "path"), [
    ("delete", f"{KEYS}/{NOBODY}"), ("post", f"{KEYS}/{NOBODY}/rotate"), ("delete", f"{LINKS}/{NOBODY}"),
    ("get", "/api/analytics/sites/nowhere/share-links"),
])  # fmt: skip
def test_unknown_one_is_404(call, method, path):
    call(method, path, status=404)


@pytest.mark.parametrize("scope", ["ingest read export", None])
def test_only_admins_manage_credentials(call, token, scope):
    for path in (KEYS, TOKENS, LINKS):
        call("get", path, status=403, caller=token(scope))


def test_changes_are_in_the_audit_log_without_secrets(call, sql):
    created = call("post", KEYS, PUBLISHABLE | {"kind": "secret", "origins": []}, 201)
    call("post", f"{KEYS}/{created['id']}/rotate", status=201)
    call("delete", f"{KEYS}/{created['id']}", status=204)
    link = call("post", LINKS, {}, 201)
    call("delete", f"{LINKS}/{link['id']}", status=204)
    rows = sql("SELECT action, actor, detail FROM audit_log WHERE actor = 'boss' ORDER BY id")
    assert [row[0] for row in rows] == [
        "key.create",
        "key.rotate",
        "key.revoke",
        "share_link.create",
        "share_link.revoke",
    ]
    assert created["key"] not in str(rows)
    assert link["token"] not in str(rows)
