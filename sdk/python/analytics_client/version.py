"""The version of the package, which is in the user agent of its requests. pyproject.toml names the same."""

VERSION = "0.1.0"
