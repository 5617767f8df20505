import os
import sys
from html import escape

from page import Page

SAMPLES = [
    ("hello.py", "Hello", "a page is a string that Content() returns"),
    ("form.py", "Form", "fields by GET and POST, and an uploaded file"),
    ("words.py", "Working directory", "open() starts where the script is"),
    ("stream.py", "Stream", "an iterator is sent as it comes"),
    ("leave.py", "Redirect", "self.redirect sends the browser elsewhere"),
    ("counter/", "Counter", "globals live on; another directory has an interpreter of its own"),
    ("broken/", "Broken", "what an error looks like with PythonOption debug 1"),
]


class RequestHandler(Page):
    title = "It runs: Python inside Apache"

    def body(self):
        items = "".join(f'<li><a href="{url}">{name}</a><br>{text}' for url, name, text in SAMPLES)
        python = ".".join(map(str, sys.version_info[:3]))
        return f"""
<p>Each of these pages is a <code>.py</code> file in a directory that Apache serves. Edit one,
reload the page, and you see the change.</p>
<ul class=samples>{items}</ul>
<p class=facts>Python {python}, process {os.getpid()}, directory
<code>{escape(self.req.directory)}</code></p>"""
