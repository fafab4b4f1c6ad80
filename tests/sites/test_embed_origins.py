"""The origins whose pages may show a site's shared pages: stored, checked, and set by the command."""

from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.errors import Invalid
from analytics.sites import sites

INTRANET = "https://intranet.example"


def test_a_new_site_names_none(engine: Engine) -> None:
    with engine.begin() as connection:
        assert sites.create_site(connection, "shop", allowed_origins=[INTRANET]).embed_origins == ()


def test_they_are_set_by_the_api(client: Any, token: Any, auth: Any, site: sites.Site) -> None:
    changed = client.patch(
        "/api/analytics/sites/default", json={"embed_origins": [INTRANET]}, headers=auth(token("admin"))
    )
    assert (changed.status_code, changed.json["embed_origins"]) == (200, [INTRANET])


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "https://a.example/b", "https://a.example; script-src *", "https://a\r\nb", "'self'"]
)
def test_what_is_no_origin_is_refused(engine: Engine, origin: str) -> None:
    with engine.begin() as connection, pytest.raises(Invalid, match=r"embed_origins: .*for example"):
        sites.create_site(connection, "shop", embed_origins=[origin])


def test_they_are_set_and_emptied_by_the_command(app: Any, engine: Engine, site: sites.Site) -> None:
    run = app.test_cli_runner().invoke
    shown = run(args=["site", "set", "default", "--embed-origin", INTRANET]).output
    assert shown == f'changed default: embed_origins=["{INTRANET}"]\n'
    both = run(args=["site", "set", "default", "--embed-origin", INTRANET, "--no-embed-origins"])
    assert "give only one of --embed-origin and --no-embed-origins" in both.output
    assert run(args=["site", "set", "default", "--no-embed-origins"]).exit_code == 0
    with engine.connect() as connection:
        found = sites.read_site(connection, "default")
    assert found is not None
    assert found.embed_origins == ()
