"""The headers of the dashboard's pages: what a page may load, and who may show it in a frame."""

from collections.abc import Sequence

from flask import Response

# Scripts build the page by DOM calls alone: with trusted types, text never becomes markup.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
NOBODY = "'none'"
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(ancestors=NOBODY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie",
}


# No address of a page with a token in it leaves the browser, or gets into a search engine.
SHARED_HEADERS = HEADERS | {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


def make_shared_page(html: str, status: int = 200, embed_origins: Sequence[str] = ()) -> Response:
    """The page of a reader without an account, which pages of `embed_origins` may show in a frame."""
    policy = CONTENT_SECURITY_POLICY.format(ancestors=" ".join(embed_origins) or NOBODY)
    return Response(html, status, SHARED_HEADERS | {"Content-Security-Policy": policy}, mimetype="text/html")


def make_page(html: str, status: int = 200) -> Response:
    """The page, which no cache keeps: it depends on who has signed in."""
    return Response(html, status, HEADERS, mimetype="text/html")
