import os

import httpdapi

count = 0  # lives as long as the interpreter of this directory


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        global count
        count += 1
        return (
            "<!DOCTYPE html><title>Counter</title><link rel=stylesheet href=/style.css>"
            f"<h1>Counter</h1><p>Request {count} to this interpreter, in process {os.getpid()}.</p>"
            '<p class=home><a href="/">All samples</a></p>'
        )
