"""What the seeds print, under gthread."""

from tests.contracts.test_curl_lines import test_each_line_is_answered_as_printed  # noqa: F401
