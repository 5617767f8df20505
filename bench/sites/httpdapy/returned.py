import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "".join(f"line {n} of a page that is neither long nor short\n" for n in range(100))
