"""`flask site snippet`: the lines that put the tracker into a page. sites/cli.py registers it."""

import re

import click
from flask import current_app
from flask.cli import with_appcontext

from analytics.clients.snippet import build_snippet
from analytics.extensions import db, settings
from analytics.sites.sites import find_site

URL_PATTERN = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
KEY_PATTERN = re.compile(r"pk_[\w-]{1,200}", re.ASCII)


@click.command("snippet")
@click.argument("key")
@click.option("--url", help="Address under which browsers reach the service; default: PUBLIC_URL.")
@click.option("--publishable-key", help="The site's key pk_…; default: a placeholder, as keys are stored hashed.")
@click.option("--pinned", is_flag=True, help="Load exactly this version, and check its hash (integrity).")
@click.option("--noscript", is_flag=True, help="Also the image for browsers without JavaScript.")
@with_appcontext
def print_snippet(key: str, url: str | None, publishable_key: str | None, pinned: bool, noscript: bool) -> None:
    """Print the script element that puts the tracker into the pages of a site."""
    if publishable_key is not None and not KEY_PATTERN.fullmatch(publishable_key):
        raise click.UsageError("--publishable-key: accepted is a key as flask key create --publishable prints it, pk_…")
    if url is not None and not URL_PATTERN.fullmatch(url):
        raise click.UsageError("--url: accepted is an address with its scheme, for example https://analytics.example")
    base_url = (url or settings().public_url or f"http://localhost:{settings().port}").rstrip("/")
    site = find_site(db.engine, key)
    snippet = build_snippet(current_app.extensions["sdk"], site, base_url, publishable_key)
    click.echo(snippet.pinned_script if pinned else snippet.script)
    if noscript:
        click.echo(snippet.noscript)
    if publishable_key is None and not site.public_ingest:
        click.echo(f"a key for it: flask key create --publishable --site {site.key} --origin https://…", err=True)


COMMANDS: tuple[click.Command, ...] = (print_snippet,)
