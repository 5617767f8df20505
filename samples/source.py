from html import escape

from httpdapi import PROTOCOL_NOT_FOUND, REQ_ABORTED, SERVER_RETURN
from listing import SAMPLES
from page import Page


class RequestHandler(Page):
    """Shows the files of a sample.

    The URL says which sample, never which file: what is not in the table cannot be shown.
    """

    def body(self):
        sample = SAMPLES.get(self.req.path_info.removeprefix("/"))
        if sample is None:
            raise SERVER_RETURN(REQ_ABORTED, PROTOCOL_NOT_FOUND)
        self.title = f"{sample.title}: source"
        shown = f'<p><a href="/{escape(sample.url)}">Run it</a></p>'
        for name in sample.files:
            with open(name, encoding="utf-8") as file:
                shown += f"<h2>{name}</h2><pre>{escape(file.read())}</pre>"
        return shown
