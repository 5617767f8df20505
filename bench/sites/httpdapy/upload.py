import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        received = 0
        while data := self.req.read(65536):
            received += len(data)
        return f"{received}\n"
