"""`make shop FILE=path.csv`: brings products, or customers with their money, into a running shop.

It asks the API, in batches that can be repeated: the same file again changes nothing, and one that
was cut off goes on. What is there already keeps its stock and its money; names and prices become
those of the file.

Exit codes: 0 when all of it is in, 1 when it is not, 2 when the file is no shop.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config import read_settings
from operations.shop.shop_file import InvalidShopFile, ShopFile, read_shop_file
from operations.shop.upload import NotAccepted, Uploader, api_client


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring a file into the shop; return the exit code."""
    parser = argparse.ArgumentParser(prog="make shop FILE=path.csv", description=__doc__)
    parser.add_argument("file", type=Path, help="products or customers, as docs/API.md tells")
    path: Path = parser.parse_args(arguments).file
    with api_client(read_settings()) as http:
        try:
            shop = read_shop_file(path)
            uploader = Uploader(http)
            if shop.products:
                _upload_products(shop, uploader)
                return 0
            return 0 if _upload_customers(shop, uploader) else 1
        except InvalidShopFile as reason:
            print(reason, file=sys.stderr)
            return 2
        except NotAccepted as reason:
            print(f"not taken: {reason}", file=sys.stderr)
            return 1


def _upload_products(shop: ShopFile, uploader: Uploader) -> None:
    """Bring products into the shop and print what became of them."""
    totals = _totals(uploader.send("/stock", "products", shop.products))
    print(
        f"products: {totals['added']} added, {totals['changed']} changed, "
        f"{totals['left']} left as they are"
    )
    if totals["changed"] or totals["left"]:
        print("what is available of those known stays so: POST /stock/{sku}/movements changes it")


def _upload_customers(shop: ShopFile, uploader: Uploader) -> bool:
    """Bring customers into the shop and print what became of them; return whether all are in."""
    answers = uploader.send("/customers", "customers", shop.customers)
    totals = _totals(answers)
    print(f"customers: {totals['opened']} added, {totals['left']} left as they are")
    if totals["left"]:
        print("what is in them stays so: POST /customers/{customer_id}/deposits changes it")
    others = {
        name: code for answer in answers for name, code in answer["in_other_currency"].items()
    }
    for customer_id, currency in others.items():
        print(f"  the wallet of {customer_id} is in {currency}, and stays so", file=sys.stderr)
    return not others


def _totals(answers: Sequence[dict[str, Any]]) -> Counter[str]:
    """Return the sums of the numbers in the answers, by their names."""
    totals: Counter[str] = Counter()
    for answer in answers:
        totals.update({name: count for name, count in answer.items() if isinstance(count, int)})
    return totals
