"""SIGHUP: the new process runs the code of the disk, also that of modules which the master has imported."""

import shutil
import signal
from pathlib import Path

from config import Settings
from tests.web.web_server import ROOT, WebServer, environment, until

TEXT = "is no path of this service"


def test_changed_module_of_the_master_is_reloaded(settings: Settings, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "analytics", checkout / "analytics", ignore=shutil.ignore_patterns("__pycache__", "static"))
    for file in ROOT.glob("*.py"):
        shutil.copy(file, checkout)
    (checkout / "sdk").symlink_to(ROOT / "sdk")
    with WebServer(tmp_path, "wsgi:asgi", environment(settings), root=checkout) as server:

        def is_told(text: str) -> bool:
            return text.encode() in server.say(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert is_told(TEXT)
        errors = checkout / "analytics" / "errors.py"
        errors.write_text(errors.read_text().replace(TEXT, "is nowhere"))
        server.signal(signal.SIGHUP)
        until(lambda: is_told("is nowhere"))
