"""The types of settings: lists, hosts, origins and addresses."""

import pytest
from pydantic import ValidationError

from config import Settings, explain


@pytest.mark.parametrize(
    ("address", "links_to"),
    [
        ("https://ui.example.org", "https://ui.example.org"),
        ("https://ui.example.org/", "https://ui.example.org"),
        ("https://ui.example.org//", "https://ui.example.org"),
        (" https://ui.example.org/temporal/ ", "https://ui.example.org/temporal"),
        ("http://[::1]:8233/", "http://[::1]:8233"),
        ("HTTPS://UI.example.org", "HTTPS://UI.example.org"),
        ("  ", "http://localhost:8233"),
        ("", "http://localhost:8233"),
    ],
)
def test_the_web_ui_is_linked_to_however_its_address_ends(
    monkeypatch: pytest.MonkeyPatch, address: str, links_to: str
) -> None:
    """A slash at its end, or a blank around it, makes no other address of it; a path is kept."""
    monkeypatch.setenv("TEMPORAL_UI_URL", address)
    assert Settings().web_ui_url == links_to


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ui.example.org:8233", "it must begin with http:// or https:// and a name"),
        ("localhost:8233", "it must begin with http:// or https:// and a name"),
        ("//ui.example.org", "it must begin with http:// or https:// and a name"),
        ("javascript:alert(1)", "it must begin with http:// or https:// and a name"),
        ("https://", "it must begin with http:// or https:// and a name"),
        ("https:///path", "it must begin with http:// or https:// and a name"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("https://ui.example.org:port", "Port could not be cast to integer value"),
        ("https://ui example.org", "it must have no blanks"),
        ("https://ui.example.org/a b", "it must have no blanks"),
        ("https://ui.example.org/?namespace=x", "it must end before any ? or #"),
        ("https://ui.example.org/#/x", "it must end before any ? or #"),
        ("https://ui.example.org/?", "it must end before any ? or #"),
        ("https://ann:secret@ui.example.org", "it must hold no name or password"),
    ],
)
def test_an_address_that_no_link_can_begin_with_is_told(
    monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    """At the start, in one line; otherwise every order would have a link that leads nowhere."""
    monkeypatch.setenv("TEMPORAL_UI_URL", address)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert "TEMPORAL_UI_URL" in explain(error.value)
    assert why in explain(error.value)
    assert "secret" not in explain(error.value)


@pytest.mark.parametrize(
    ("setting", "value", "values"),
    [
        (
            "API_HOSTS",
            "orders.example.org, API 10.1.2.3,fe80::1",
            ("orders.example.org", "api", "10.1.2.3", "fe80::1"),
        ),
        (
            "API_CORS_ORIGINS",
            "https://Shop.example.org,http://[::1]:3000",
            ("https://shop.example.org", "http://[::1]:3000"),
        ),
        (
            "API_TRUSTED_PROXIES",
            "10.0.0.0/8 192.0.2.7,2001:db8::/32",
            ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"),
        ),
        ("API_HOSTS", "", ()),
    ],
)
def test_several_values_stand_in_one_variable(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, values: tuple[str, ...]
) -> None:
    """Names, origins and proxies are listed with commas or spaces between them."""
    monkeypatch.setenv(setting, value)
    assert getattr(Settings(), setting.lower()) == values


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("API_HOSTS", "*", "no name or address of a host"),
        ("API_HOSTS", "orders.example.org:8000", "ports do not belong here"),
        ("API_HOSTS", "https://orders.example.org", "no name or address"),
        ("API_CORS_ORIGINS", "*", "name each exactly"),
        ("API_CORS_ORIGINS", "null", "no origin"),
        ("API_CORS_ORIGINS", "shop.example.org", "no origin"),
        ("API_CORS_ORIGINS", "https://*.example.org", "no origin"),
        ("API_CORS_ORIGINS", "https://shop.example.org/", "no origin"),
        ("API_CORS_ORIGINS", "https://shop.example.org:443", "without its port"),
        ("API_TRUSTED_PROXIES", "*", "does not appear to be an IPv4 or IPv6 network"),
        ("API_TRUSTED_PROXIES", "proxy.example.org", "does not appear"),
        ("API_KEEP_ALIVE_SECONDS", "0", "greater than or equal to 1"),
    ],
)
def test_a_list_that_would_mean_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, reason: str
) -> None:
    """No wildcard, no port and no path: what could not be compared exactly is invalid."""
    monkeypatch.setenv(setting, value)
    with pytest.raises(ValidationError, match=reason) as error:
        Settings()
    assert f"{setting}={value} is invalid" in explain(error.value)
