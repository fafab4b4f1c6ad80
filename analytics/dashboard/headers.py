"""The headers of the dashboard's pages: what a page may load, and who may show it in a frame."""

from flask import Response

# Scripts build the page by DOM calls alone: with trusted types, text never becomes markup.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie",
}


def make_page(html: str, status: int = 200) -> Response:
    """The page, which no cache keeps: it depends on who has signed in."""
    return Response(html, status, HEADERS, mimetype="text/html")
