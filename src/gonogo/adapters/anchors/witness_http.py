"""A witness over HTTP, on loopback: `POST /add-checkpoint` (C2SP tlog-witness); other hosts reach it by a proxy."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gonogo.adapters.anchors.witness_folder import FolderWitness
from gonogo.evidence.witnessing import MOST_BYTES, SHRUNK, Answer

PATH = "/add-checkpoint"
NOT_FOUND = 404


def witness_server(witness: FolderWitness, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that hands submissions to `witness`; the caller serves and closes it. Port 0 picks one."""

    class Handler(BaseHTTPRequestHandler):
        """One request; nothing of it is written to a log."""

        timeout = 10

        def do_POST(self) -> None:
            """Take a checkpoint, or say why not."""
            if self.path != PATH:
                self._say(Answer(NOT_FOUND, "there is nothing here"))
                return
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                self._say(Answer(SHRUNK, "the submission has no length, or too much of it"))
                return
            self._say(witness.add(self.rfile.read(int(length))))

        def _say(self, answer: Answer) -> None:
            body = answer.text.encode() if answer.text.endswith("\n") else f"{answer.text}\n".encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
            """Keep quiet."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
