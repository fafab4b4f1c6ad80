"""Bodies and responses of the routes of keys, share links and tokens."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.auth.keys.keys import KINDS
from analytics.auth.tokens.issued_tokens import find_subject_problem
from analytics.sites.schemas import check_setting
from analytics.sites.setting_checks import MAX_ORIGINS
from config_values import SCOPES

MAX_SITES = 100
MAX_OVERLAP_S = 30 * 86_400
EXPIRES_AT = "When it ends; default: never, or when the credential ends that creates it."
OVERLAP = "Seconds for which the old key stays valid; 0: none."


class GrantBody(Schema):
    """`site` or `sites`: only these; without both, the sites of the caller."""

    class Meta:
        unknown = RAISE

    site = fields.String(validate=check_setting("key"))
    sites = fields.List(fields.String(validate=check_setting("key")), validate=Length(1, MAX_SITES))
    scopes = fields.List(fields.String(validate=OneOf(SCOPES)), validate=Length(1, len(SCOPES)))
    expires_at = fields.AwareDateTime(allow_none=True, metadata={"description": EXPIRES_AT})


class KeyBody(GrantBody):
    """A publishable key has one site, the scope `ingest`, and may have origins; a secret one is like a token."""

    kind = fields.String(required=True, validate=OneOf(KINDS))
    name = fields.String(validate=check_setting("name"))
    origins = fields.List(
        fields.String(), validate=check_setting("allowed_origins"), metadata={"maxItems": MAX_ORIGINS}
    )


class KeyRotationBody(Schema):
    """Without a body: an overlap of a day, and the lifetime of the old key."""

    class Meta:
        unknown = RAISE

    overlap_s = fields.Integer(strict=True, validate=Range(0, MAX_OVERLAP_S), metadata={"description": OVERLAP})
    expires_at = fields.AwareDateTime(allow_none=True, metadata={"description": EXPIRES_AT})


def _check_subject(subject: str) -> None:
    """Raises ValidationError for a subject that is not free."""
    if problem := find_subject_problem(subject):
        raise ValidationError(problem)


class TokenBody(GrantBody):
    """`expires_at` null: it never expires; without it, it ends after 90 days."""

    subject = fields.String(required=True, validate=[Length(1, 255), check_setting("name"), _check_subject])


class ShareLinkBody(Schema):
    """A link to the reports of the site."""

    class Meta:
        unknown = RAISE

    label = fields.String(validate=check_setting("name"))
    expires_at = fields.AwareDateTime(allow_none=True, metadata={"description": EXPIRES_AT})


class Lifetime(Schema):
    """Null: it never expires, was never used, is not revoked. `last_used_at` is up to a minute late."""

    class Meta:
        include = required(fields.AwareDateTime, "created_at") | nullable(
            fields.AwareDateTime, "expires_at", "last_used_at", "revoked_at"
        )

    created_by = fields.String(required=True)


class KeyResponse(Lifetime):
    """A key. `sites` null: all; `key`: its text, of a secret key only in the response that creates it."""

    class Meta:
        include = required(fields.String, "id", "kind", "prefix", "name", "subject") | nullable(
            fields.String, "key", "rotated_from"
        )

    scopes = fields.List(fields.String(), required=True)
    sites = fields.List(fields.String(), required=True, allow_none=True)
    origins = fields.List(fields.String(), required=True)


class KeyListResponse(Schema):
    """The newest first, at most 1,000; revoked and expired ones too."""

    keys = fields.List(fields.Nested(KeyResponse), required=True)


class ShareLinkResponse(Lifetime):
    """A link. `token`: the value of `?share=`, and the end of `/share/…`; only in the response that creates it."""

    class Meta:
        include = required(fields.String, "id", "prefix", "label") | nullable(fields.String, "token")


class ShareLinkListResponse(Schema):
    """The newest first, at most 1,000; revoked and expired ones too."""

    share_links = fields.List(fields.Nested(ShareLinkResponse), required=True)


class TokenResponse(Schema):
    """An issued token. `sites` null: all; `token`: its text, only in the response that creates it."""

    class Meta:
        include = (
            required(fields.String, "jti", "subject", "issued_by")
            | required(fields.AwareDateTime, "issued_at")
            | nullable(fields.AwareDateTime, "expires_at", "revoked_at")
            | nullable(fields.String, "token")
        )

    scopes = fields.List(fields.String(), required=True)
    sites = fields.List(fields.String(), required=True, allow_none=True)


class TokenListResponse(Schema):
    """Tokens that this service issued and that have not expired, the newest first, at most 1,000."""

    tokens = fields.List(fields.Nested(TokenResponse), required=True)


_LIFETIME = {
    "created_by": "admin",
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
}
_ID = "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"
KEY_BODY_EXAMPLE = {"kind": "publishable", "site": "shop", "origins": ["https://shop.example"], "name": "Website"}
KEY_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "kind": "publishable",
    "prefix": "pk_x8Qm2Lr",
    "name": "Website",
    "subject": f"key:{_ID}",
    "key": "pk_x8Qm2LrV0t3nYc5dWb7fKz1sHg4jPq6uEa9iOoRlTyU",
    "rotated_from": None,
    "scopes": ["ingest"],
    "sites": ["shop"],
    "origins": ["https://shop.example"],
    **_LIFETIME,
}
SHARE_LINK_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "prefix": "share_k3Vd9q",
    "label": "For the board",
    "token": "share_k3Vd9qV0t3nYc5dWb7fKz1sHg4jPq6uEa9iOoRlTyU8",
    **_LIFETIME,
}
TOKEN_BODY_EXAMPLE = {"subject": "reporting", "scopes": ["read"], "site": "shop"}
TOKEN_EXAMPLE: dict[str, Any] = {
    "jti": _ID,
    "subject": "reporting",
    "issued_by": "admin",
    "issued_at": "2026-03-01T09:00:00Z",
    "expires_at": "2026-05-30T09:00:00Z",
    "revoked_at": None,
    "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.Et9HFtf9R3GEMA0IICOfFMVXY7kkTX1wr4qCyhIf58U",
    "scopes": ["read"],
    "sites": ["shop"],
}
