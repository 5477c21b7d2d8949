"""A small SMTP server that keeps what it is given, byte for byte."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Letter:
    """One message as it came over the wire."""

    recipients: list[str]
    content: bytes

    @property
    def headers(self) -> list[str]:
        """The names of its header fields, lower case."""
        head = self.content.partition(b"\r\n\r\n")[0].decode()
        return [line.partition(":")[0].lower() for line in head.split("\r\n") if line[:1] not in {" ", "\t"}]


@dataclass
class PostOffice:
    """Takes mail at `url`; `refusing` so many of the next messages. `farewell` is what it says in the end; nothing hangs up."""

    url: str = ""
    letters: list[Letter] = field(default_factory=list[Letter])
    logins: list[str] = field(default_factory=list[str])
    refusing: int = 0
    farewell: str = "221 bye"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        recipients = list[str]()
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.upper()
            answer = "250 OK"
            if command.startswith("EHLO"):
                answer = "250-here\r\n250 AUTH PLAIN"
            elif command.startswith("AUTH PLAIN"):
                self.logins.append(base64.b64decode(line.split()[2]).decode())
                answer = "235 welcome"
            elif command.startswith("MAIL"):
                recipients = []
            elif command.startswith("RCPT"):
                recipients.append(line.partition("<")[2].partition(">")[0])
            elif command == "QUIT":
                answer = self.farewell
            elif command == "DATA":
                answer = await self._data(reader, writer, recipients)
            writer.write(f"{answer}\r\n".encode() if answer else b"")
            if command == "QUIT":
                break
        writer.close()

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipients: list[str]) -> str:
        writer.write(b"354 go on\r\n")
        content = await reader.readuntil(b"\r\n.\r\n")
        if self.refusing:
            self.refusing -= 1
            return "451 not now"
        self.letters.append(Letter(recipients, content))
        return "250 taken"


@asynccontextmanager
async def post_office() -> AsyncGenerator[PostOffice]:
    """One that listens."""
    office = PostOffice()
    async with await asyncio.start_server(office.serve, "127.0.0.1", 0) as server:
        office.url = f"smtp://mail:p%40ss@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield office
