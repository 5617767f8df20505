import time

import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    content_type = "text/plain"

    def Content(self):
        for second in range(5, 0, -1):
            yield f"{second} ...\n"
            time.sleep(0.3)
        yield "Lift-off\n"
