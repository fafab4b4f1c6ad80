"""The messages of the libraries that read requests, as patterns: collected from the installed versions, or provoked."""

import inspect
import re
import string
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import jwt
import marshmallow
import msgspec
import zstandard
from flask_jwt_extended import exceptions as jwt_extended
from marshmallow import validate
from werkzeug.exceptions import default_exceptions

# Shorter ones are words of any sentence.
MIN_CHARS = 8
KEY = "a-key-that-is-long-enough-for-the-algorithm"


def library_patterns() -> dict[str, re.Pattern[str]]:
    """Message → pattern of the texts that contain it, with any values in its placeholders."""
    templates = {*marshmallow_templates(), *werkzeug_templates()}
    texts = {*msgspec_texts(), *jwt_texts(), *compression_texts()}
    return {
        **{text: pattern_of(text) for text in templates},
        **{text: pattern_of(generalise(text)) for text in texts},
    }


def pattern_of(template: str) -> re.Pattern[str]:
    """The template's fixed parts in order, with anything in between. The full stop at its end may be missing."""
    parts = [(fixed, name is not None) for fixed, name, _, _ in string.Formatter().parse(template.rstrip("."))]
    pattern = "".join(re.escape(fixed) + (".+?" if is_open else "") for fixed, is_open in parts)
    # At either end a placeholder matches anything, and costs the square of the text's length.
    return re.compile(pattern.removeprefix(".+?").removesuffix(".+?"), re.I | re.S)


def generalise(text: str) -> str:
    """A provoked message, with placeholders for quoted parts and numbers."""
    text = text.replace("{", "(").replace("}", ")")
    return re.sub(r"\d+", "{}", re.sub(r"([`'\"])[^`'\"]*\1", r"\1{}\1", text))


def marshmallow_templates() -> Iterator[str]:
    for kind in classes(marshmallow.fields, marshmallow.fields.Field):
        for base in kind.__mro__:
            yield from getattr(base, "default_error_messages", {}).values()
    yield from marshmallow.Schema().error_messages.values()
    for kind in classes(validate, validate.Validator):
        words = {name: str(text) for name, text in inspect.getmembers(kind) if name.startswith("message_")}
        for text in [*words.values(), getattr(kind, "default_message", "")]:
            if text not in (words.get(f"message_{end}") for end in ("gte", "gt", "lte", "lt")):
                yield from spell_out(text, words)


def spell_out(text: str, words: dict[str, str]) -> Iterator[str]:
    """`Must be {min_op} {{min}}` is itself a template of templates."""
    if "{{" not in text:
        if len(text) >= MIN_CHARS:
            yield text
        return
    for least in ("gte", "gt"):
        for most in ("lte", "lt"):
            yield text.format(min_op=words[f"message_{least}"], max_op=words[f"message_{most}"])


def classes(module: Any, base: type) -> list[type]:
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, base)]


def werkzeug_templates() -> Iterator[str]:
    for kind in default_exceptions.values():
        if text := str(kind.description or "").replace("{", "{{").replace("}", "}}"):
            # The sentence is separated from the advice that follows it.
            yield from (sentence for sentence in text.split(". ") if len(sentence) >= MIN_CHARS)


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=2, max_length=3)]
    number: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    small: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] = 1
    real: float = 1.0
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    kind: Literal["a", "b"] = "a"
    tags: Annotated[dict[Annotated[str, msgspec.Meta(max_length=2)], str], msgspec.Meta(max_length=1)] = {}
    items: Annotated[list[int], msgspec.Meta(max_length=1)] = []


REFUSED_JSON = (
    *(b"", b"{", b'{"name":"aa",}', b"[1,]", b"nul", b"nope", b'{"name" 1}', b'{"name":1 2}', b"[1 2]", b"1 2"),
    *(b"{1:2}", b'"\x01"', b"-", b'"\\q"', b"01", b'"\\ud800"', b'"\xff"', b"1e999", b"9" * 5000, b"[" * 5000),
    *(b"[]", b"{}", b'{"name":1}', b'{"name":null}', b'{"name":"a"}', b'{"name":"aaaa"}', b'{"name":"aa","x":1}'),
    *(b'{"name":"aa","number":0}', b'{"name":"aa","number":3}', b'{"name":"aa","number":1.5}'),
    *(b'{"name":"aa","small":9223372036854775808}', b'{"name":"aa","at":"x"}', b'{"name":"aa","kind":"c"}'),
    *(b'{"name":"aa","at":"2026-01-31T12:00:00"}', b'{"name":"aa","tags":{"abc":""}}', b'{"name":"aa","real":1e999}'),
    *(b'{"name":"aa","tags":{"a":"","b":""}}', b'{"name":"aa","items":[1,2]}', b'{"name":"aa","items":{}}'),
)


def msgspec_texts() -> Iterator[str]:
    for body in REFUSED_JSON:
        for kind in (Any, Struct):
            text = refusal(lambda body=body, kind=kind: msgspec.json.decode(body, type=kind))
            # The path says where, the message what.
            text = re.sub(r" - at .*| \(byte \d+\)", "", text).removeprefix("JSON is malformed: ")
            if len(text) >= MIN_CHARS:
                yield text
    yield "JSON is malformed"


def jwt_texts() -> Iterator[str]:
    good = {"sub": "me", "exp": 2**33}
    token = jwt.encode(good, KEY)
    claims = [
        {"exp": 1},
        {"exp": "x"},
        {"iat": "x"},
        {"iat": 2**33},
        {"nbf": 2**33},
        {"jti": 7},
        {"sub": 7},
        {"aud": 7},
    ]
    claims += [{"iss": 7}, {"aud": "a"}]
    tokens = [jwt_by_hand({"alg": "HS256"}, good | more) for more in claims]
    tokens += ["", "x", "one.two", "a.b.c", "!.!.!", f"{token}x", token.swapcase(), token.rpartition(".")[0] + ".x"]
    tokens += [jwt_by_hand(header, good) for header in ({"alg": "none"}, {}, {"alg": 7}, [], {"alg": "RS256"})]
    tokens += [jwt_by_hand({"alg": "HS256"}, claims) for claims in ([1], 1, "x")]
    options: Any = {"require": ["exp"]}
    for bad in tokens:
        for wanted in ({}, {"audience": "b"}, {"issuer": "b"}):
            text = refusal(
                lambda bad=bad, wanted=wanted: jwt.decode(bad, KEY, algorithms=["HS256"], options=options, **wanted)
            )
            if len(text) >= MIN_CHARS:
                yield text
    yield str(jwt.MissingRequiredClaimError("exp"))
    yield str(jwt_extended.JWTDecodeError("Missing claim: type"))


def jwt_by_hand(header: Any, claims: Any) -> str:
    encode: Callable[[Any], str] = lambda value: jwt.utils.base64url_encode(msgspec.json.encode(value)).decode()  # noqa: E731
    text = f"{encode(header)}.{encode(claims)}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), KEY.encode())
    return f"{text}.{jwt.utils.base64url_encode(signature).decode()}"


def compression_texts() -> Iterator[str]:
    for body in (b"not compressed", zlib.compress(b"x")[:-1]):
        yield refusal(lambda body=body: zlib.decompress(body, wbits=31))
        yield refusal(lambda body=body: zstandard.ZstdDecompressor().stream_reader(body).read(10))


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever a library says of a bad value.
        return str(error)
    return ""
