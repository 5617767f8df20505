import httpdapi

PAGE = b"0123456789abcde\n" * 65536


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return PAGE
