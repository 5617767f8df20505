import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "<h1>Hello, World!</h1>"
