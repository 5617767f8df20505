"""The guide's examples: its files are served, and its curl commands get what is printed there."""

from pathlib import Path

import pytest
from support.curl import check_console
from support.guide import PAGES, Block, blocks, page_name, starts_scripts
from support.site import Site

EXAMPLES = [
    page
    for page in PAGES
    if any(block.files for block in blocks(page)) and not starts_scripts(page)
]


def is_handler(block: Block) -> bool:
    return block.language == "python" and "class RequestHandler" in block.text


@pytest.mark.parametrize("page", EXAMPLES, ids=page_name)
def test_examples(site: Site, page: Path):
    site.log.allow("")  # some examples fail, and say so
    found = blocks(page)
    for block in found:
        for name in block.files:
            site.write(name, block.text)
    asked: list[str] = []
    for block in found:
        if block.language == "console":
            asked += check_console(block.text, lambda port, *rest: site.request(*rest), site.path)
    handlers = [Path(name).stem for block in found if is_handler(block) for name in block.files]
    assert all(any(name in url for url in asked) for name in handlers), (handlers, asked)
