"""A mail server on loopback whose answers a test chooses."""

import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


class SmtpServer(socketserver.ThreadingTCPServer):
    """Takes whatever it is sent, but for what `answers` says: by command (`EHLO`, `RCPT`, `DATA`, `.` after the text,
    or empty for the greeting) the answers in turn, before it answers well. An empty answer hangs up.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, **answers: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.answers = {name.upper(): list(given) for name, given in answers.items()}
        self.silent = self.slow = False
        self.clients = 0
        self.commands: list[str] = []
        self.messages: list[EmailMessage] = []
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def speak_tls(self, certificate: Path) -> None:
        """Speak TLS from the first byte, by a certificate in a file with its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def answer(self, command: str, well: str) -> str:
        with self.lock:
            given = self.answers.get(command)
            return given.pop(0) if given else well


class Conversation(socketserver.StreamRequestHandler):
    """What one client says, and is told."""

    server: SmtpServer

    def handle(self) -> None:
        self.server.clients += 1
        while self.server.silent:
            time.sleep(0.1)
        try:
            self.converse()
        except OSError:
            return

    def converse(self) -> None:
        going = self.say("GREETING", "220 test")
        while going and (line := self.rfile.readline().decode().strip()):
            self.server.commands.append(line)
            command = line.split(" ")[0].upper()
            going = self.say(command, {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 fine"))
            if going and command == "DATA" and self.told.startswith("354"):
                going = self.take(b"".join(iter(self.rfile.readline, b".\r\n")))

    def take(self, text: bytes) -> bool:
        going = self.say("TEXT", "250 taken")
        if self.told.startswith("250"):
            self.server.messages.append(message_from_bytes(text, policy=policy.default))
        return going

    def say(self, command: str, well: str) -> bool:
        """Answer a command; whether the conversation goes on."""
        self.told = self.server.answer(command, well)
        line = f"{self.told}\r\n".encode() if self.told else b""
        for piece in [bytes([byte]) for byte in line] if self.server.slow else [line]:
            self.wfile.write(piece)
            time.sleep(0.3 if self.server.slow else 0)
        return bool(self.told) and command != "QUIT"


@contextmanager
def mail_server(**answers: list[str]) -> Iterator[SmtpServer]:
    """A mail server that runs as long as the block does."""
    with SmtpServer(**answers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server
        finally:
            server.silent = False
            server.shutdown()
