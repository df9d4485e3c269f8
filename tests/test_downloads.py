"""Files are downloaded whole or not at all, from a server on this machine."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError, URLError

import pytest

from fastloop_v1.downloads import download_url
from fastloop_v1.errors import ArgumentError

BODY = bytes(range(256)) * 10


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(BODY) + (5 if self.path == "/broken" else 0)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args):
        """Print nothing."""


@pytest.fixture(scope="module")
def address():
    """Address of a running server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("show", [True, False], ids=["bar", "no bar"])
def test_file_is_what_the_server_sent(address, tmp_path, show):
    download_url(f"{address}/file", tmp_path / "file", chunk_size=100, show_progress=show)
    assert (tmp_path / "file").read_bytes() == BODY


def test_file_that_is_there_is_kept_unless_told_otherwise(address, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    download_url(f"{address}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"
    download_url(f"{address}/file", tmp_path / "file", overwrite=True)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "error"), [("broken", ConnectionError), ("missing", HTTPError)], ids=["too short", "refused"]
)
def test_failed_download_leaves_nothing(address, tmp_path, path, error):
    with pytest.raises(error) as caught:
        download_url(f"{address}/{path}", tmp_path / "file")
    if path == "missing":
        caught.value.close()
    assert list(tmp_path.iterdir()) == []


def test_server_that_is_not_there_is_tried_again_and_then_an_error(tmp_path):
    with pytest.raises(URLError):
        download_url("http://127.0.0.1:1/file", tmp_path / "file", retries=1)


def test_other_addresses_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="http://"):
        download_url("file:///etc/hostname", tmp_path / "file")
