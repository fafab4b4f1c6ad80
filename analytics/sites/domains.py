"""Host names in one form, and the domains that are a site's own. Pure.

The form is what people read: lower case, Unicode in place of punycode, without port, closing dot and user; an IPv6
address in brackets, as short as it can be written. Settings, the parser of URLs (ingest/enrich/) and the drain use it,
so that two notations of a host are one host. Never raises on a client's input.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address

MAX_HOST_CHARACTERS = 253
_PORT = re.compile(r":\d*$")
# What would end a host, were it in a URL; a host that becomes one with these stays as it was sent.
_ENDS_HOST = re.compile(r"[\s/?#@:\\%\[\]]")
_HOST = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}|\[[0-9a-f:.]+\]")
WILDCARD = "*."


def normalize_host(text: str) -> str:
    """The host in the form of the module's docstring; what is no host stays, in lower case."""
    host = text.strip().lower()
    if not host.startswith("["):
        if host.count(":") > 1:
            return _shorten_ipv6(host) or host
        host = _PORT.sub("", host).rstrip(".")
    else:
        address, bracket, _ = host[1:].partition("]")
        return (_shorten_ipv6(address) if bracket else "") or host
    if (host.isascii() and "xn--" not in host) or len(host) > MAX_HOST_CHARACTERS:
        return host
    return _read_unicode(host)


def is_host(text: str) -> bool:
    """Whether a normalised text is a host name or an address."""
    return len(text) <= MAX_HOST_CHARACTERS and _HOST.fullmatch(text) is not None


def _shorten_ipv6(text: str) -> str:
    try:
        return f"[{IPv6Address(text)}]"
    except ValueError:
        return ""


def _read_unicode(host: str) -> str:
    # Full-width letters and dots are the usual ones (UTS 46), and an accent is a part of its letter.
    plain = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".").rstrip(".")
    if _ENDS_HOST.search(plain):
        return host
    return ".".join(map(_decode_label, plain.split(".")))


def _decode_label(label: str) -> str:
    """The label in Unicode; one that a browser would not decode stays."""
    if not label.startswith("xn--"):
        return label
    try:
        text = label[4:].encode("ascii").decode("punycode")
        again = text.encode("punycode").decode("ascii")
    except (ValueError, OverflowError):
        return label
    is_plain = not text.isascii() and text.isprintable() and text == unicodedata.normalize("NFKC", text).lower()
    return text if is_plain and again == label[4:] and "." not in text and not _ENDS_HOST.search(text) else label


def without_www(host: str) -> str:
    """The host as sources name it, and by which hosts of a site are compared."""
    return host.removeprefix("www.")


class OwnDomains:
    """The hosts that belong to a site. Compared by identity, as a key of caches: `own_domains` makes them."""

    def __init__(self, domains: Iterable[str]) -> None:
        names = [normalize_domain(domain) for domain in domains]
        self._hosts = frozenset(without_www(name.removeprefix(WILDCARD)) for name in names)
        self._suffixes = tuple("." + name.removeprefix(WILDCARD) for name in names if name.startswith(WILDCARD))

    def __contains__(self, host: str) -> bool:
        """Whether the normalised host is one of them, with or without "www."."""
        bare = without_www(host)
        return bare in self._hosts or (bool(self._suffixes) and bare.endswith(self._suffixes))


def normalize_domain(domain: str) -> str:
    """A domain of the setting, its host normalised: `*.Shop.example` → `*.shop.example`."""
    text = domain.strip()
    wildcard = WILDCARD if text.startswith(WILDCARD) else ""
    return wildcard + normalize_host(text.removeprefix(wildcard))


@lru_cache(maxsize=1024)
def own_domains(domains: tuple[str, ...]) -> OwnDomains:
    """The domains of a site, the same object for the same tuple."""
    return OwnDomains(domains)
