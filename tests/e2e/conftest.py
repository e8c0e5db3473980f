import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gateway  # noqa: E402


@pytest.fixture
def server(tmp_path):
    with gateway.serving(tmp_path) as running:
        yield running


@pytest.fixture
def client(server):
    connected = gateway.Client(server.address)
    yield connected
    connected.close()


@pytest.fixture
def tools():
    """The folder of grpcurl and ghz; ./dev test --all builds them."""
    return pathlib.Path(os.environ.get("STOREGATE_TOOLS", gateway.ROOT / "build" / "tools"))


@pytest.fixture
def buf():
    return pathlib.Path(os.environ.get("STOREGATE_NODE", gateway.ROOT / "build" / "node")) / "node_modules" / ".bin" / "buf"
