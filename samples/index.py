import os
import sys
from html import escape

from listing import SAMPLES
from page import Page


class RequestHandler(Page):
    title = "It runs: Python inside Apache"

    def body(self):
        items = "".join(
            f'<li><a href="{escape(sample.url)}">{sample.title}</a> '
            f'<a class=source href="source.py/{name}">source</a><br>{sample.text}'
            for name, sample in SAMPLES.items()
            if sample.url
        )
        python = ".".join(map(str, sys.version_info[:3]))
        return f"""
<p>Each of these pages is a file in a directory that Apache serves. Edit one, reload the page, and
you see the change.</p>
<ul class=samples>{items}</ul>
<p class=facts>Python {python}, process {os.getpid()}, directory
<code>{escape(self.req.directory)}</code>, <a href="source.py/front">source</a> of this page</p>"""
