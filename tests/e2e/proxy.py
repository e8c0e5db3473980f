"""A TCP proxy on loopback that can reset what goes through it, or slow it down."""

import asyncio
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Runs on a thread of its own. `delay` is in seconds, of what the server says."""

    def __init__(self, port):
        self.target = port
        self.delay = 0.0
        self.accepted = 0
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._server = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(30)
        self.port = self._server.sockets[0].getsockname()[1]

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        ready.set()
        self._loop.run_forever()

    async def _serve(self, client_reader, client_writer):
        self.accepted += 1
        self._writers.add(client_writer)
        server_writer = None
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(server_writer)
            await asyncio.gather(self._pass(client_reader, server_writer, False),
                                 self._pass(server_reader, client_writer, True))
        except OSError:
            pass
        finally:
            for writer in (client_writer, server_writer):
                if writer is not None:
                    self._writers.discard(writer)
                    writer.close()

    async def _pass(self, reader, writer, slow):
        while data := await reader.read(65536):
            if slow and self.delay:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
        writer.close()

    def _cut(self):
        for writer in list(self._writers):
            with_socket = writer.get_extra_info("socket")
            if with_socket is not None and with_socket.fileno() >= 0:
                with_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    def cut(self):
        """Resets all connections."""
        self._loop.call_soon_threadsafe(self._cut)

    def close(self):
        self._loop.call_soon_threadsafe(self._cut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
