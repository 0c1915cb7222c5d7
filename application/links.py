"""Where an order is to be found."""

from urllib.parse import quote

from contracts.ids import saga_id
from contracts.views import Links


class OrderLinks:
    """Makes the links of orders, with those to their sagas in the Temporal Web UI."""

    def __init__(self, web_ui_url: str, namespace: str) -> None:
        """Link to the Web UI at `web_ui_url`."""
        self._workflows = f"{web_ui_url}/namespaces/{quote(namespace, safe='')}/workflows"

    def __call__(self, order_id: str) -> Links:
        """Return the links of one order."""
        return Links(
            self=f"/orders/{order_id}",
            events=f"/orders/{order_id}/events",
            temporal=self.workflow(saga_id(order_id)),
        )

    def workflow(self, workflow_id: str) -> str:
        """Return where the Web UI shows the workflow of this id."""
        return f"{self._workflows}/{workflow_id}"
