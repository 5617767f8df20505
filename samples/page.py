"""A helper: the frame of every page.  Change it, and every page that imports it changes."""

from html import escape

import httpdapi


class Page(httpdapi.RequestHandler):
    """A RequestHandler whose subclasses give a title and a body."""

    title = ""

    def body(self):
        """Return the page's body, HTML."""
        return ""

    def Content(self):
        body = self.body()
        title = escape(self.title)
        home = "" if self.req.uri.endswith("/index.py") or self.req.uri == "/" else HOME
        return (
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{title}</title>"
            '<meta name=viewport content="width=device-width">'
            f'<link rel=stylesheet href="/style.css"><h1>{title}</h1>{body}{home}'
        )


HOME = '<p class=home><a href="/">All samples</a></p>'
