"""Pages of the tests in headless Chromium."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tests.apps.programs import chromium, node_modules

WEB = Path(__file__).parent / "web"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json"}


def ask_page(page: str, files: dict[str, bytes], seconds: float = 120.0) -> Any:
    """Open a page of `web` and return the JSON that it posts to /answer.

    Args:
        page: its name.
        files: what the page can fetch, by path; packages from npm are there under their names.
        seconds: to wait for the answer.
    """
    packages = node_modules()
    answer: dict[str, Any] = {}
    answered = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlparse(self.path).path
            local = WEB / page if path == f"/{page}" else packages / path[1:]
            content = files.get(path) or (local.read_bytes() if local.is_file() else None)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", _TYPES.get(Path(path).suffix, "application/octet-stream"))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_POST(self) -> None:
            answer.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            answered.set()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
            command = [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
            command += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}"]
            browser = subprocess.Popen(
                [*command, f"http://127.0.0.1:{server.server_port}/{page}"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                assert answered.wait(seconds), f"{page} did not answer in {seconds} s"
            finally:
                browser.terminate()
                browser.wait(30)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "error" not in answer, answer["error"]
    return answer
