"""The console's modules in a real browser: each loads, and says what the services say."""

import pytest
from playwright.async_api import Browser, Error, Page, expect

from contracts.money import MINOR_DIGITS, WITHOUT_MINOR_UNIT, money
from routes.console import FOLDER
from tests.stack import Stack

pytestmark = pytest.mark.long

MODULES = sorted(path.name for path in FOLDER.glob("*.js"))


async def test_every_module_loads(page: Page) -> None:
    """With all that it imports, and without an error."""
    await page.goto("/")
    await expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    for name in MODULES:
        assert await page.evaluate("name => import(`/console/${name}`).then(() => true)", name)


async def test_the_page_may_not_make_markup_of_text(browser: Browser, stack: Stack) -> None:
    """The browser forbids it to every module, and any load or request to another server too."""
    page = await browser.new_page(base_url=f"http://127.0.0.1:{stack.api_port}")
    await page.goto("/")
    with pytest.raises(Error, match="TrustedHTML"):
        await page.evaluate("document.body.innerHTML = '<b>'")
    with pytest.raises(Error, match="Failed to fetch"):
        await page.evaluate("fetch('http://127.0.0.1:9/')")
    await page.close()


async def test_amounts_read_as_the_services_write_them(page: Page) -> None:
    """In every kind of currency, from nothing to the largest total, except the commas."""
    await page.goto("/")
    currencies = sorted({*MINOR_DIGITS, *WITHOUT_MINOR_UNIT, "XYZ"})
    amounts = [
        (minor, currency)
        for currency in currencies
        for minor in (0, 1, 99, 100, 1_530, 123_456_789, 2**53)
    ]
    texts = await page.evaluate(
        "async all => { const m = await import('/console/money.js');"
        " return all.map(a => m.money(...a)); }",
        amounts,
    )
    assert [text.replace(",", "") for text in texts] == [
        money(minor, currency) for minor, currency in amounts
    ]
    assert texts[-1].startswith("90,071,992,547,409")


async def test_an_element_stays_while_it_is_drawn_the_same(page: Page) -> None:
    """It moves with what stands before it, twins too, and what somebody unfolded stays so."""
    await page.goto("/")
    texts, is_open, former_places = await page.evaluate("""async () => {
        const { el, show } = await import('/console/dom.js');
        const list = document.createElement('ul');
        const item = (text) => el('li', {}, el('details', {}, text));
        const draw = (...all) => show(list, all.map((text) => text && item(text)));
        draw('a', 'b', 'twin', 'twin');
        const before = [...list.children];
        before[1].firstChild.open = true;
        before[3].firstChild.open = true;
        draw('new', 'twin', null, 'b', 'twin');
        const after = [...list.children];
        return [after.map((child) => child.textContent),
                after.map((child) => child.firstChild.open),
                after.map((child) => before.indexOf(child))];
    }""")
    assert texts == ["new", "twin", "b", "twin"]
    assert is_open == [False, False, True, True]
    assert former_places == [-1, 2, 1, 3]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_a_stream_is_read_however_it_is_cut(page: Page, ending: str) -> None:
    """Pieces may have any size, and cut a letter or a line's end; U+2028 ends no line."""
    await page.goto("/")
    data_line = 'data: {"a": "ü € \u2028 \u2029: \x85"}'
    text = ending.join(
        [
            ": ping",
            "",
            "id: 1-0",
            "event: state",
            data_line,
            "",
            "data: x",
            "data:y",
            "data",
            "",
            "data: lost",
        ]
    )
    read_events = """async ([bytes, size]) => {
        const sse = await import('/console/sse.js');
        const cut = new ReadableStream({ start(to) {
            for (let at = 0; at < bytes.length; at += size)
                to.enqueue(new Uint8Array(bytes.slice(at, at + size)));
            to.close();
        } });
        const all = [];
        for await (const event of sse.events(cut)) all.push(event);
        return all;
    }"""
    for size in (1, 2, 3, 1000):
        events = await page.evaluate(read_events, [list(text.encode()), size])
        assert events == [
            None,
            {"id": "1-0", "event": "state", "data": data_line.removeprefix("data: ")},
            {"id": "", "event": "message", "data": "x\ny\n"},
        ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_page_fits(page: Page, width: int, scheme: str) -> None:
    """Nothing is wider than a phone or a desk, in either light."""
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto("/")
    await expect(page.locator(".placeholder")).to_contain_text("no orders yet")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
