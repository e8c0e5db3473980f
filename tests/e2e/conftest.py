import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gateway  # noqa: E402
import postgres as clusters  # noqa: E402
from mongodb import Mongodb  # noqa: E402


@pytest.fixture(scope="session")
def shared_postgres():
    """One cluster for all tests that leave it as it is."""
    cluster = clusters.Postgres()
    yield cluster
    cluster.close()


@pytest.fixture
def own_postgres():
    """A cluster for a test that kills it, stops it or fills it up."""
    cluster = clusters.Postgres()
    yield cluster
    cluster.close()


@pytest.fixture
def postgres_url(shared_postgres, request):
    """A fresh database of the shared cluster."""
    return shared_postgres.create_database(f"e2e_{abs(hash(request.node.nodeid)) % 10**12}")


@pytest.fixture
def own_mongodb():
    """A MongoDB server for a test that kills or freezes it, or looks at nobody else's."""
    server = Mongodb()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def any_database(request, tmp_path):
    """A fresh database on each backend."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/storegate.db"
    if request.param == "mongodb":
        return request.getfixturevalue("own_mongodb").url("any")
    return request.getfixturevalue("postgres_url")


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
