"""A connection that can be cut: bytes are handed on until `cut`, and again after `mend`."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Proxy:
    """Listens on a free port and hands everything on to another one."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._whole = threading.Event()
        self._whole.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            if not self._whole.is_set():
                here.close()
                continue
            threading.Thread(target=self._hand_on, args=(here,), daemon=True).start()

    def _hand_on(self, here: socket.socket) -> None:
        there = socket.create_connection(("127.0.0.1", self._to))
        both = {here: there, there: here}
        self._open |= both.keys()
        with contextlib.suppress(OSError):
            while self._whole.is_set():
                for one in select.select(list(both), [], [], 0.2)[0]:
                    data = one.recv(65536)
                    if not data:
                        raise OSError
                    both[one].sendall(data)
        for one in both:
            self._open.discard(one)
            one.close()
