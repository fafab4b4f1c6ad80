"""A website with the tracker: any path is a page with the same head. It stands on another origin than the service."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Page {path}</title>
<link rel="icon" href="data:,">
{head}
</head>
<body>
<h1>Page {path}</h1>
<a id="out" href="https://elsewhere.example/offer?from=me#top">Elsewhere</a>
<a id="file" href="/files/Report.PDF?token=secret">Report</a>
<a id="named-file" href="/data" download>Data</a>
<a id="inside" href="/inside">Inside</a>
<button id="buy" data-analytics-event="buy" data-analytics-plan="pro" data-analytics-plan-size="10"><b id="deep">Buy</b></button>
<form id="contact" action="/send?x=1" onsubmit="return false">
<input name="id" value="secret@mail.example"><button id="send">Send</button></form>
<form data-analytics-event="signup" data-analytics-step="1" onsubmit="return false"><button id="join">Join</button></form>
<p style="height: 4000px">Long.</p>
</body>
</html>
"""


class TrackedSite:
    """`head`: the elements of every page; `policy`: its Content-Security-Policy; `missing` has the status 404; `proxied`:
    path → the address that it hands requests on to."""

    def __init__(self) -> None:
        self.head, self.policy, self.missing = "", "", "/missing"
        self.proxied: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path in site.proxied:
                    self.hand_on(site.proxied[path])
                    return
                self.send_response(404 if path == site.missing else 200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Cache-Control", "no-store")
                if site.policy:
                    self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(PAGE.format(path=path, head=site.head).encode())

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self.hand_on(site.proxied[self.path], self.rfile.read(length))

            def hand_on(self, url: str, body: bytes | None = None) -> None:
                passed = {
                    name: self.headers[name]
                    for name in ("Content-Type", "Origin", "Referer", "User-Agent")
                    if name in self.headers
                }
                with urlopen(Request(url, body, passed), timeout=20) as answer:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.end_headers()
                    self.wfile.write(answer.read())

            def log_message(self, format: str, *args: object) -> None:
                """The tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
