"""Starts a storegate as a user would and talks to it over reflection.

Nothing here is generated: every message type comes from the server, as any
client of a schema that it does not know would get it.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STOREGATE_BUILD", ROOT / "build"))
BINARY = BUILD / "storegate"
READY_SECONDS = 60


def long_count(full):
    """The full count with STOREGATE_LONG=1, else a tenth of it, at least one."""
    return full if os.environ.get("STOREGATE_LONG") == "1" else max(1, full // 10)


class Server:
    """One storegate process on a free port of loopback."""

    def __init__(self, folder, *flags, database=None, preexec=None, env=None):
        # database=False: what the environment says.
        self.database = f"sqlite:{folder}/storegate.db" if database is None else database
        self.log = open(pathlib.Path(folder) / "storegate.log", "ab")
        command = [str(BINARY), "serve", "--listen", "127.0.0.1:0", *(["--database", f"main={self.database}"] if self.database else []), *flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, cwd=folder, preexec_fn=preexec, text=True,
            env={**os.environ, **(env or {})},
        )
        self.address = self._wait_until_ready()
        self._drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._drain.start()

    def _wait_until_ready(self):
        timer = threading.Timer(READY_SECONDS, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                match = re.search(r"(127\.0\.0\.1:\d+)", line)
                if match:
                    return match.group(1)
        finally:
            timer.cancel()
        raise AssertionError(f"storegate ended with {self.process.wait()} before it served; see {self.log.name}")

    def memory(self):
        """Resident bytes: (now, at most so far)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return tuple(int(re.search(rf"{name}:\s+(\d+) kB", status).group(1)) * 1024 for name in ("VmRSS", "VmHWM"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self):
        """Ends it by SIGTERM and answers its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.log.close()
        return code


@contextlib.contextmanager
def serving(folder, *flags, **options):
    server = Server(folder, *flags, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def run(*arguments, cwd=None, stdin=None):
    """A storegate subcommand; answers the finished process."""
    return subprocess.run([str(BINARY), *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=300)


class Failure(Exception):
    """What a call failed with: code, message, reason, metadata, violations."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.reason, self.metadata, self.violations, self.retry_delay = "", {}, [], None
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            for detail in status_pb2.Status.FromString(value).details:
                info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    self.reason, self.metadata = info.reason, dict(info.metadata)
                elif detail.Unpack(bad):
                    self.violations = [(v.field, v.description) for v in bad.field_violations]
                elif detail.Unpack(retry):
                    self.retry_delay = retry.retry_delay.ToTimedelta()
        super().__init__(f"{self.code} {self.reason}: {self.message} {self.violations}")


class Client:
    """Calls any method of a server by name, with messages as dicts."""

    def __init__(self, address, **options):
        self.channel = grpc.insecure_channel(address, options=list(options.items()))
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def close(self):
        self.channel.close()

    def method(self, name):
        service, _, method = name.partition("/")
        return self.pool.FindServiceByName(service).FindMethodByName(method)

    def request(self, name, fields):
        message = message_factory.GetMessageClass(self.method(name).input_type)()
        return json_format.ParseDict(fields, message, descriptor_pool=self.pool)

    def start(self, name, fields, timeout=30):
        """Starts a call; .result() answers the message or raises."""
        request = fields if not isinstance(fields, dict) else self.request(name, fields)
        output = message_factory.GetMessageClass(self.method(name).output_type)
        call = self.channel.unary_unary(
            "/" + name, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=output.FromString)
        return call.future(request, timeout=timeout)

    def call(self, name, fields=None, timeout=30):
        """The response as a dict with the proto's field names; raises Failure."""
        try:
            response = self.start(name, fields or {}, timeout).result()
        except grpc.RpcError as error:
            raise Failure(error) from None
        return json_format.MessageToDict(response, preserving_proto_field_name=True, descriptor_pool=self.pool)

    def stream(self, name, fields=None, timeout=None):
        """Starts a call that streams: iterate over its messages; .cancel() goes away."""
        output = message_factory.GetMessageClass(self.method(name).output_type)
        call = self.channel.unary_stream(
            "/" + name, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=output.FromString)
        return call(self.request(name, fields or {}), timeout=timeout)

    def raw(self, name, data, timeout=30, **options):
        """Sends bytes as they are; answers bytes; raises Failure."""
        call = self.channel.unary_unary("/" + name)
        try:
            return call(data, timeout=timeout, **options)
        except grpc.RpcError as error:
            raise Failure(error) from None

    def health(self, service=""):
        stub = health_pb2_grpc.HealthStub(self.channel)
        response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


def fails(call, code, reason):
    """Runs a call that must fail so; answers the Failure for a closer look."""
    try:
        answer = call()
    except Failure as failure:
        assert (failure.code, failure.reason) == (code, reason), str(failure)
        for word in ("sqlite", "SQL", "postgres", "FATAL", "constraint failed", "duplicate key", "connection to server", "mongo", "E11000"):
            assert word not in failure.message, failure.message
        return failure
    raise AssertionError(f"expected {code} {reason}, got {answer}")


def wait_for(condition, seconds=30):
    """Polls until `condition()` holds; a bound, not a measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(grpc.RpcError, Failure):
            if condition():
                return True
        time.sleep(0.05)
    return False
