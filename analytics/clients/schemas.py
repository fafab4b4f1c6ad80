"""The response with the lines that put the tracker into a page."""

from marshmallow import Schema, fields


class SnippetResponse(Schema):
    """HTML for the pages of a site. `script` loads the latest compatible version, `pinned_script` exactly this one."""

    script = fields.String(required=True)
    pinned_script = fields.String(required=True)
    noscript = fields.String(required=True, metadata={"description": "Counts page views without JavaScript."})


_ADDRESS = "https://analytics.example/sdk"
SNIPPET_EXAMPLE = {
    "script": f'<script defer src="{_ADDRESS}/v1/tracker.js" data-site="shop" data-key="pk_…"></script>',
    "pinned_script": f'<script defer src="{_ADDRESS}/1.0.0/tracker.js" integrity="sha384-…" crossorigin="anonymous" '
    'data-site="shop" data-key="pk_…"></script>',
    "noscript": f'<noscript><img src="{_ADDRESS}/v1/p.gif?site=shop&amp;key=pk_…" alt="" width="1" height="1" '
    'referrerpolicy="no-referrer-when-downgrade"></noscript>',
}
