"""The parameters of the pixel: a page view in a URL."""

from marshmallow import Schema, fields


def _text(description: str) -> fields.String:
    return fields.String(metadata={"description": description})


class PixelQuery(Schema):
    """The site and the event. Each field also has a short name."""

    site = fields.String()
    site_id = fields.String()
    website_id = fields.String()
    key = _text("A publishable key, pk_….")
    path = _text("The page, as a URL, or as a path on the host of the Origin or Referer. Default: the Referer.")
    p = _text("Alias of `path`.")
    url = _text("Alias of `path`.")
    referrer = _text("URL of the page that the visitor came from.")
    r = _text("Alias of `referrer`.")
    type = _text("What happened. Default: page_view.")
    t = _text("Alias of `type`.")
