from html import escape

import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return (
            "<!DOCTYPE html><title>Members</title><link rel=stylesheet href=/style.css>"
            f"<h1>Members</h1><p>Welcome, {escape(self.req.user)}.</p>"
            '<p class=home><a href="/">All samples</a></p>'
        )
