"""The routes of the dashboard: pages, their files, signing in and out. What pages show comes from the API."""

from urllib.parse import quote

from flask import Blueprint, Response, current_app, redirect, render_template, request
from flask.blueprints import BlueprintSetupState

from analytics.auth import sign_in_limits
from analytics.auth.admission import accepts_form
from analytics.auth.guard import check_site_access, find_person
from analytics.auth.keys.site_keys import check_site_key
from analytics.auth.principal import Principal
from analytics.auth.sessions.accounts import PasswordChecker
from analytics.dashboard import shared_pages, sign_in
from analytics.dashboard.assets import Assets, read_built, read_sources
from analytics.dashboard.first_page import build_first_page
from analytics.dashboard.headers import make_page
from analytics.dashboard.shared_pages import read_language
from analytics.dashboard.shell import OVERVIEW, PAGES, build_shell
from analytics.errors import PROBLEM_KEY, AnalyticsError, Forbidden, NotFound, Unauthorised
from analytics.extensions import db
from analytics.sites.sites import Site, find_site

blueprint = Blueprint("dashboard", __name__, template_folder="templates")
HOME = "/"


@blueprint.record_once
def install(state: BlueprintSetupState) -> None:
    extensions = state.app.extensions
    extensions["assets"] = None if extensions["settings"].dashboard_sources else read_built()
    extensions["password_checker"] = PasswordChecker(extensions["settings"].admin_password)


@blueprint.after_app_request
def show_problem(response: Response) -> Response:
    """For a browser, a problem is a page too: a server that is unavailable, or anything unexpected."""
    problem: AnalyticsError | None = request.environ.get(PROBLEM_KEY)
    if problem is None or request.blueprint != blueprint.name:
        return response
    if request.accept_mimetypes.best_match((response.mimetype or "", "text/html")) != "text/html":
        return response
    again = _next_address() if request.method == "POST" else request.full_path.rstrip("?")
    html = render_template("error.html", assets=_assets(), language=read_language(), detail=problem.detail, again=again)
    page = make_page(html, problem.status)
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    return page


@blueprint.get("/")
def show_sites() -> Response:
    """All sites of the person; without a session, the ways in."""
    person = find_person()
    return build_first_page() if person is None else make_page(build_shell(_assets(), person, "sites", None, {}))


@blueprint.get("/sites/<key>")
@blueprint.get("/sites/<key>/<page>")
def show_page(key: str, page: str = OVERVIEW) -> Response:
    """A page of a site."""
    person = find_person()
    if person is None:
        return _redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
    try:
        site = _find_site(person, key, page)
    except AnalyticsError as error:
        return _refusal_page(error)
    return make_page(build_shell(_assets(), person, page, site, request.args.to_dict()))


@blueprint.get("/share/<token>")
@blueprint.get("/share/<token>/<page>")
def show_link(token: str, page: str = OVERVIEW) -> Response:
    """A page of the site that a share link is for."""
    return shared_pages.show(_assets(), shared_pages.find_by_link(token), page)


@blueprint.get("/embed/share/<token>")
@blueprint.get("/embed/share/<token>/<page>")
def embed_link(token: str, page: str = OVERVIEW) -> Response:
    """The same for a frame in a page of one of the site's `embed_origins`."""
    return shared_pages.show(_assets(), shared_pages.find_by_link(token), page, is_embedded=True)


@blueprint.get("/public/<key>")
@blueprint.get("/public/<key>/<page>")
def show_public_site(key: str, page: str = OVERVIEW) -> Response:
    """A page of a site with `public_stats`."""
    return shared_pages.show(_assets(), shared_pages.find_public(key), page)


@blueprint.get("/embed/public/<key>")
@blueprint.get("/embed/public/<key>/<page>")
def embed_public_site(key: str, page: str = OVERVIEW) -> Response:
    """The same for a frame in a page of one of the site's `embed_origins`."""
    return shared_pages.show(_assets(), shared_pages.find_public(key), page, is_embedded=True)


@blueprint.get("/login")
def show_login() -> Response:
    return _login_page()


@blueprint.post("/login")
@accepts_form
def log_in() -> Response:
    """Opens a session and goes on to where the person wanted to be; else the form again, with what was wrong."""
    try:
        sign_in.check_same_origin(request)
        sign_in_limits.enforce(sign_in.typed_name(request))
        response = _redirect(_next_address())
        sign_in.open_session(response, request, sign_in.identify(request))
    except (Unauthorised, Forbidden) as error:
        sign_in.record_refusal(request)
        return _login_page(error)
    except AnalyticsError as error:
        return _login_page(error)
    return response


@blueprint.post("/logout")
@accepts_form
def log_out() -> Response:
    response = _redirect("/login")
    sign_in.end_session(response, request)
    return response


@blueprint.get("/assets/<version>/<path:name>")
def serve_asset(version: str, name: str) -> Response:
    """A script, style or picture of the pages."""
    return _assets().respond(version, name)


def _find_site(person: Principal, key: str, page: str) -> Site:
    """Raises NotFound, and Forbidden for a site of others."""
    check_site_key(key)
    check_site_access(person, key)
    if page not in PAGES:
        raise NotFound(f"there is no page {page[:80]!r}; accepted: {', '.join(PAGES)}")
    return find_site(db.engine, key)


def _refusal_page(error: AnalyticsError) -> Response:
    html = render_template(
        "error.html",
        assets=_assets(),
        language=read_language(),
        detail=error.detail,
        is_forbidden=isinstance(error, Forbidden),
    )
    return make_page(html, error.status)


def _login_page(error: AnalyticsError | None = None) -> Response:
    html = render_template(
        "login.html",
        assets=_assets(),
        language=read_language(),
        detail=error.detail if error else "",
        is_wrong=error is not None and error.detail == sign_in.WRONG_PASSWORD,
        name=sign_in.typed_name(request)[:100],
        next=_next_address(),
        has_link=sign_in.has_link(),
    )
    response = make_page(html, error.status if error else 200)
    if error and error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _next_address() -> str:
    """A path of this service; never another host's address, which begins with two slashes or a backslash."""
    wanted = request.values.get("next", "")
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_path else HOME


def _redirect(address: str) -> Response:
    response = redirect(address, 303)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]


def _assets() -> Assets:
    """Sources are read each time, so that the next page has what was edited."""
    built: Assets | None = current_app.extensions["assets"]
    return built or read_sources()
