"""A server that answers as it is told, for the tests of everything that calls one."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY, SECRET, AGENT = "0123456789abcdef0123456789abcdef", "fedcba9876543210", "flickrexif-test/1"


def ignore(*args: object) -> None:
    pass


class ScriptedServer:
    """Gives the scripted answers one by one, then the last again and again, and keeps the requests.

    An answer is (status, headers, body), or a function of the request handler and the body that writes what it likes.
    """

    def __init__(self, *answers: object) -> None:
        self.answers, self.requests, self.lock = list(answers), [], threading.Lock()

    def __enter__(self) -> Self:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with script.lock:
                    script.requests.append((self.command, self.path, dict(self.headers), body.decode()))
                    answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if callable(answer):
                    answer(self, body.decode())
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815

            log_message = ignore

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = ignore  # a client that hangs up is part of the script
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/services/rest/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def hang_up(handler: Any, body: str) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def break_off(handler: Any, body: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"stat":')


class Stall:
    """Answers nothing, or only the beginning of something, until released."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning, self.released = beginning, threading.Event()

    def answer(self, handler: Any, body: str) -> None:  # noqa: ARG002
        handler.wfile.write(self.beginning)
        handler.wfile.flush()
        self.released.wait(30)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
