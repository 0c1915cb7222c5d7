"""axe-core in a page: what it finds that keeps somebody from using the page."""

from playwright.async_api import Page

from tests.console.type_check import HERE

SOURCE = HERE / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "axe-core is not installed: `make javascript`, with npm and a network"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def findings(page: Page, *rules: str) -> list[str]:
    """Return one line for each element that breaks a rule: how badly, which rule, where and why.

    Without `rules` all of WCAG 2.2 AA and axe's best practices are looked at.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SOURCE.read_text())
    options = {"runOnly": list(rules) or TAGS, "resultTypes": ["violations"]}
    result = await page.evaluate("options => axe.run(options)", options)
    return [
        f"{rule['impact']}: {rule['id']} at {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
