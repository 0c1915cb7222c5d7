"""Who may import what."""

import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from contracts.steps import PARTICIPANTS
from tests.repository.sources import ALL, ROOT, files, imports, name_of


def test_there_are_files_to_look_at() -> None:
    """The checks below see every room, and no file that others wrote."""
    rooms = {path.relative_to(ROOT).parts[0] for path in ALL}
    assert {
        "api.py",
        "worker.py",
        "config",
        "process.py",
        "application",
        "card_provider",
        "contracts",
        "operations",
        "routes",
        "temporal_saga",
        "workflows",
    } <= rooms
    assert not rooms & {".venv", "var", "tests"}


BASICS = "contracts.base contracts.money contracts.states contracts.text"
ORDER = "contracts.acts contracts.ids contracts.placing contracts.record"
WORDS = " ".join(
    f"contracts.{path.stem}"
    for path in files("contracts/*.py")
    if path.stem not in {"batch_stubs", "steps", "stubs"}
)
SAGA = " ".join(
    f"temporal_saga.{path.stem}"
    for path in files("temporal_saga/*.py")
    if path.parent.name != "testing"
    and path.stem
    not in {
        "__init__",
        "access",
        "database",
        "effect_writes",
        "fence",
        "fence_errors",
        "fence_record",
        "fence_table",
        "handlers",
        "identity",
        "intents",
        "participant",
        "postgresql",
        "provider",
        "provider_fence",
        "provider_words",
        "reader",
        "record_keeper",
        "registry",
        "search_attributes",
        "sqlite",
        "timeline",
        "transaction_check",
    }
)
FENCE = (
    "temporal_saga.database temporal_saga.fence temporal_saga.identity temporal_saga.intents "
    "temporal_saga.keys temporal_saga.provider temporal_saga.provider_fence sqlalchemy"
)
API = (
    "application config contracts participants.order participants.payment.reads "
    "participants.stock.reads routes temporal_saga.access fastapi starlette "
    "pydantic pydantic_core temporalio"
)
APPLICATION = (
    "application contracts participants.order temporal_saga.access temporal_saga.acts "
    "temporal_saga.carry_over "
    "temporal_saga.command_history temporal_saga.history temporal_saga.last_run "
    "temporal_saga.memo temporal_saga.moment temporal_saga.plan temporal_saga.state "
    "temporal_saga.tries pydantic pydantic_core temporalio"
)
SERVICES = "participants temporal_saga.database sqlalchemy"
ROOMS = {
    "contracts/steps.py contracts/stubs.py contracts/batch_stubs.py": "contracts pydantic "
    "temporalio",
    "contracts/order.py contracts/record.py": f"{BASICS} {ORDER} contracts.acts pydantic",
    "contracts/base.py contracts/ids.py contracts/placing.py contracts/payment.py "
    "contracts/stock.py": f"{BASICS} pydantic pydantic_core",
    "contracts/money.py contracts/text.py": "pydantic pydantic_core",
    "contracts/*": f"{WORDS} pydantic pydantic_core",
    "temporal_saga/__init__.py temporal_saga/command_names.py temporal_saga/extras.py "
    "temporal_saga/kept_record.py temporal_saga/keys.py": "",
    "temporal_saga/postgresql.py": "sqlalchemy psycopg",
    "temporal_saga/database.py": "temporal_saga.postgresql temporal_saga.sqlite sqlalchemy",
    "temporal_saga/database_file.py temporal_saga/effect_writes.py "
    "temporal_saga/sqlite.py": "sqlalchemy",
    "temporal_saga/fence.py": f"{FENCE} temporal_saga.effect_writes temporal_saga.fence_errors "
    "temporal_saga.fence_table temporal_saga.handlers temporal_saga.record_keeper",
    "temporal_saga/fence_errors.py": "temporal_saga.fence_table sqlalchemy",
    "temporal_saga/handlers.py": "temporal_saga.command_names temporal_saga.fence_table sqlalchemy",
    "temporal_saga/record_keeper.py": "temporal_saga.fence_errors temporal_saga.fence_table "
    "temporal_saga.handlers temporal_saga.kept_record temporal_saga.keys sqlalchemy",
    "temporal_saga/fence_record.py temporal_saga/fence_table.py temporal_saga/intents.py "
    "temporal_saga/provider.py temporal_saga/provider_fence.py "
    "temporal_saga/provider_words.py": f"{FENCE} temporal_saga.fence_errors "
    "temporal_saga.fence_record temporal_saga.fence_table temporal_saga.provider_words",
    "temporal_saga/transaction_check.py": "sqlalchemy",
    "temporal_saga/identity.py": f"{FENCE} temporal_saga.database_file",
    "temporal_saga/participant.py": "temporal_saga.database temporal_saga.extras "
    "temporal_saga.fence temporal_saga.provider_fence",
    "temporal_saga/access.py temporal_saga/registry.py "
    "temporal_saga/search_attributes.py": "temporalio",
    "temporal_saga/reader.py": "temporal_saga.registry temporalio",
    "temporal_saga/pytest_plugin.py": "temporal_saga pytest temporalio",
    "temporal_saga/testing/*": "temporal_saga temporalio",
    "temporal_saga/*": f"{SAGA} pydantic pydantic_core temporalio",
    "examples/*": "examples temporal_saga.workflow temporalio",
    "workflows/*": f"contracts {SAGA} workflows temporalio pydantic.ValidationError",
    "participants/order/*": f"{BASICS} {ORDER} contracts.acts contracts.batches contracts.events "
    f"contracts.operations contracts.order participants.order {FENCE}",
    "participants/payment/card_api.py participants/payment/card_errors.py": "contracts.payment "
    "participants.payment stripe",
    "participants/payment/cards.py": f"contracts.payment participants.payment {FENCE}",
    **{
        f"participants/{name}/*": f"{BASICS} contracts.{name} participants.{name} {FENCE}"
        for name in PARTICIPANTS
        if name != "order"
    },
    "participants/__init__.py": "",
    "application/any_sagas.py": f"{APPLICATION} temporal_saga.registry",
    "application/lookups.py": f"{APPLICATION} temporal_saga.reader temporal_saga.registry",
    "application/webhook_post.py": f"{APPLICATION} httpx",
    "application/*": APPLICATION,
    "activities/*": "activities contracts participants temporalio",
    "routes/assistants/*": f"{API} httpx mcp mcp_types",
    "routes/card_events.py": f"{API} stripe",
    "routes/door.py": f"{API} process temporal_saga.identity temporal_saga.registry",
    "routes/limits.py": f"{API} prometheus_client",
    "routes/rate.py": f"{API} limits",
    "routes/connections.py routes/half_closed.py": f"{API} h11 uvicorn",
    "routes/server.py": f"{API} uvicorn",
    "routes/health.py": f"{API} prometheus_client",
    "routes/metrics.py": f"{API} prometheus_client prometheus_fastapi_instrumentator",
    "routes/key_download.py": f"{API} httpx",
    "routes/key_set.py routes/keys.py routes/tokens.py": f"{API} jwt",
    "routes/*": API,
    "operations/mcp/*": "config operations routes.assistants httpx mcp",
    "operations/reconcile/provider_books.py": "operations participants stripe",
    "operations/up/runner.py": "supervisor",
    "operations/up/known_databases.py": "config contracts operations temporal_saga.database "
    "temporal_saga.identity temporal_saga.registry temporalio",
    "operations/*": "config contracts operations participants process temporal_saga.database "
    "temporal_saga.last_run temporal_saga.policy "
    "pydantic sqlalchemy temporalio httpx psutil rich",
    "api.py": f"{API} logs process temporal_saga.database temporal_saga.identity fastapi_offline "
    "limits prometheus_fastapi_instrumentator",
    "orchestrator.py": "activities.forwarding config contracts temporal_saga.eager "
    "temporal_saga.local_activities temporal_saga.plugin workflows temporalio",
    "batch_worker.py": "activities.batch application.batch_runner config contracts.batch_stubs "
    "participants.order sqlalchemy temporalio",
    "cards.py": "config contracts participants.payment temporal_saga.intents sqlalchemy",
    "worker.py": "activities batch_worker cards config contracts logs orchestrator participants "
    "temporal_saga.access temporal_saga.database temporal_saga.identity temporal_saga.registry "
    "temporal_saga.search_attributes process sqlalchemy temporalio",
    "process.py": "config temporal_saga.access temporal_saga.database temporal_saga.plugin "
    "temporal_saga.registry temporal_saga.search_attributes sqlalchemy temporalio",
    "logs.py": "contracts.text temporal_saga.database temporal_saga.step_names temporalio",
    "card_provider/__init__.py": "",
    "card_provider/control.py": "card_provider fastapi pydantic starlette",
    "card_provider/deliveries.py": "card_provider httpx pydantic",
    "card_provider/faults.py card_provider/parameters.py": "card_provider pydantic",
    "card_provider/calls.py card_provider/page.py": "card_provider starlette",
    "card_provider/provider.py": "card_provider starlette uvicorn",
    "card_provider/*": "card_provider",
    "clients/python/*": "order_client order_models httpx pydantic",
    "bench/peers/commands.py": "contracts",
    "bench/peers/services.py": "bench.peers.commands contracts participants temporal_saga.database",
    "bench/peers/temporal/*": "activities bench.peers contracts participants "
    "temporal_saga.database temporal_saga.refusals temporalio",
    "bench/peers/dbos/*": "bench.peers contracts dbos fastapi uvicorn",
    "bench/peers/restate/*": "bench.peers contracts hypercorn restate",
    "bench/*": f"bench config contracts operations {SERVICES} h11 psutil temporalio",
    "config/*": "config contracts.events contracts.steps limits temporal_saga.database "
    "temporal_saga.policy pydantic pydantic_settings temporalio.envconfig",
}
"""What each file may import beyond the standard library, by the first row that it fits.

docs/decisions/0006 has the reasons.
"""


def row_of(name: str) -> str | None:
    """Return the files that share a row with the one of this name, or None when it has no row."""
    return next(
        (row for row in ROOMS if any(fnmatch(name, pattern) for pattern in row.split())), None
    )


def strangers(name: str, source: str) -> set[str]:
    """Return what a file of this name must not import."""
    allowed_modules = tuple(f"{module}." for module in ROOMS.get(row_of(name) or "", "").split())
    free = sys.stdlib_module_names
    return {
        module
        for module in imports(source)
        if module.partition(".")[0] not in free and not f"{module}.".startswith(allowed_modules)
    }


def test_imports_are_seen_in_every_form() -> None:
    """No form of import escapes the checks."""
    source = """
import api
import routes.orders as r
from participants import payment
from . import sibling
def late():
    import workflows.order
    importlib.import_module("worker")
"""
    assert imports(source) == {
        "api",
        "routes.orders",
        "participants.payment",
        ".sibling",
        "workflows.order",
        "worker",
    }


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("contracts/views.py", "from contracts import stubs"),
        ("contracts/prose.py", "from contracts.steps import STEPS"),
        ("contracts/payment.py", "from contracts.order import PlaceOrder"),
        ("contracts/new.py", "import temporalio"),
        ("temporal_saga/__init__.py", "from temporal_saga import saga"),
        ("temporal_saga/saga.py", "from contracts.order import PlaceOrder"),
        ("temporal_saga/policy.py", "import sqlalchemy"),
        ("temporal_saga/fence.py", "from temporalio import activity"),
        ("temporal_saga/participant.py", "from temporal_saga.saga import Saga"),
        ("temporal_saga/workflow.py", "from temporal_saga.fence import Fence"),
        ("examples/trip.py", "from contracts.order import PlaceOrder"),
        ("examples/trip.py", "from temporal_saga.fence import Fence"),
        ("examples/trip.py", "from temporal_saga.saga import Saga"),
        ("workflows/order.py", "from participants.order.service import OrderService"),
        ("workflows/order.py", "from temporal_saga import fence"),
        ("workflows/start.py", "from pydantic import BaseModel"),
        ("participants/order/service.py", "import participants.payment.service"),
        ("participants/payment/new.py", "from temporal_saga.saga import Saga"),
        ("participants/stock/service.py", "from contracts.payment import WalletView"),
        ("activities/order.py", "import sqlalchemy as sa"),
        ("activities/order.py", "def late(): from routes import sagas"),
        ("application/orders.py", "from routes.problems import Problem"),
        ("application/orders.py", "from fastapi import Request"),
        ("application/shop.py", "from participants.stock.reads import StockReads"),
        ("routes/new.py", "from participants import stock"),
        ("routes/lookups.py", "from participants.stock.service import StockService"),
        ("routes/orders.py", "import_module('temporal_saga.saga')"),
        ("operations/up/supervision.py", "import worker"),
        ("operations/new/deep.py", "from api import create_app"),
        ("operations/mcp/command.py", "from routes.orders import router"),
        ("routes/orders.py", "import mcp_types"),
        ("operations/shop/seed.py", "import requests"),
        ("card_provider/payments.py", "from contracts.money import money"),
        ("card_provider/books.py", "import sqlalchemy"),
        ("clients/python/order_client.py", "from contracts.placing import PlaceOrder"),
        ("routes/orders.py", "from order_models import NewOrder"),
        ("participants/payment/service.py", "from card_provider.cards import CARDS"),
        ("operations/demo/command.py", "from card_provider.provider import Provider"),
        ("bench/rounds.py", "from bench.peers.temporal import workflows; import worker"),
        ("bench/contestants/dbos.py", "import dbos"),
        ("bench/peers/dbos/app.py", "from temporal_saga.saga import Saga"),
        ("bench/peers/restate/app.py", "from bench.load import place_all"),
        ("api.py", "from workflows.order import OrderSaga"),
        ("worker.py", "from . import config"),
        ("config/settings.py", "from contracts import views"),
        ("new.py", "import pydantic"),
    ],
)
def test_a_stranger_is_seen(name: str, source: str) -> None:
    """An import that the table does not allow is seen, in files that are there and in new ones."""
    assert strangers(name, source)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_a_file_imports_what_its_room_may(path: Path) -> None:
    """Every file has a row in the table, and imports nothing else than the row allows."""
    assert row_of(name_of(path))
    assert strangers(name_of(path), path.read_text()) == set()


def test_the_table_speaks_of_what_is_there() -> None:
    """Each row is some file's, each module of ours in it exists, and no row opens a front door."""
    assert {row_of(name_of(path)) for path in ALL} == ROOMS.keys()
    ours = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ALL}
    modules_in_table = {
        module
        for row in ROOMS.values()
        for module in row.split()
        if module.partition(".")[0] in ours
    }
    assert {module for module in modules_in_table if not is_module(module)} == set()
    assert not modules_in_table & {"api", "worker"}


def is_module(name: str) -> bool:
    """Tell whether one of our files has this dotted name."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
