"""What `docker-compose.yml` gives Temporal is what our code needs of it."""

import asyncio
import os
from pathlib import Path

import pytest
import yaml
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.testing import WorkflowEnvironment

from contracts.stubs import SEARCH_ATTRIBUTES
from operations.up.temporal_server import DYNAMIC_CONFIG, temporal_binary
from tests.repository.compose import (
    built_in,
    services,
)
from tests.repository.sources import ROOT


def test_the_admin_tools_are_of_the_servers_version() -> None:
    """The schemas that they bring are the server's."""
    builds = [
        service["build"]
        for name, service in services().items()
        if "temporal" in name and "build" in service
    ]
    versions = {build["dockerfile_inline"].split()[1].partition(":")[2] for build in builds}
    assert len(versions) == 1, versions


async def test_setup_registers_our_search_attributes_however_often_it_runs() -> None:
    """The one-shot creates the namespace with exactly our search attributes and their types.

    A second run changes nothing.
    """
    temporal = Path(temporal_binary())
    (script,) = built_in(services()["temporal-setup"]).values()
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal)
    ) as server:
        address = server.client.service_client.config.target_host
        namespace = "shop"
        where = {
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": namespace,
            "PATH": f"{temporal.parent}:{os.environ['PATH']}",
        }
        for _ in range(2):
            setup = await asyncio.create_subprocess_exec("sh", ROOT / script, env=where)
            assert await asyncio.wait_for(setup.wait(), timeout=30) == 0
        request = ListSearchAttributesRequest(namespace=namespace)
        attribute_types = (
            await server.client.operator_service.list_search_attributes(request)
        ).custom_attributes
    attribute_types_of_ours = {
        key.name: f"INDEXED_VALUE_TYPE_{key.indexed_value_type.name}" for key in SEARCH_ATTRIBUTES
    }
    assert {
        name: IndexedValueType.Name(value) for name, value in attribute_types.items()
    } == attribute_types_of_ours


def test_the_server_has_the_dynamic_configuration_of_the_embedded_one() -> None:
    """What makes the embedded server fast is set for the composed one as well."""
    (source,) = built_in(services()["temporal"]).values()
    values = yaml.safe_load((ROOT / source).read_text())
    assert {
        f"{key}={entry['value']}" for key, entries in values.items() for entry in entries
    } == set(DYNAMIC_CONFIG)


@pytest.mark.long
async def test_lists_alarms_and_figures_are_not_limited_to_ten_a_second() -> None:
    """With the configuration given to the server it answers 60 counts at once.

    By its own default it refuses 50 of them.
    """
    flags = [word for value in DYNAMIC_CONFIG for word in ("--dynamic-config-value", value)]
    local = WorkflowEnvironment.start_local
    async with await local(
        dev_server_existing_path=temporal_binary(), dev_server_extra_args=flags
    ) as server:
        count = CountWorkflowExecutionsRequest(namespace=server.client.namespace)
        service = server.client.workflow_service
        answers = await asyncio.gather(
            *(service.count_workflow_executions(count, retry=False) for _ in range(60)),
            return_exceptions=True,
        )
    assert not [answer for answer in answers if isinstance(answer, BaseException)]


def test_temporal_talks_past_a_proxy() -> None:
    """Temporal's Go programs are told to use no proxy of the environment.

    They would obey it for what is no loopback.
    """
    for name in ("temporal", "temporal-setup", "temporal-ui"):
        environment = services()[name]["environment"]
        assert (environment["NO_PROXY"], environment["no_proxy"]) == ("*", "*"), name
