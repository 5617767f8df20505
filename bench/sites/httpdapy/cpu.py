import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return f"{sum(i * i for i in range(20000))}\n"
