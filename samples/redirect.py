import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        self.redirect = "/hello.py"
        return "never sent: the browser goes to /hello.py"
