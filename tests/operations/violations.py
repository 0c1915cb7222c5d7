"""Reading an audit's report, for tests."""

from operations.audit.audit import Report


def violations_by_id(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the violations by the ids of their invariants."""
    return {check.id: check.violations for check in report.checks if check.violations}
