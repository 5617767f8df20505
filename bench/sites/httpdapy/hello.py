import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "Hello, World!\n"
