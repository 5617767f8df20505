import httpdapi

PRICES = {"spam": 3, "eggs": 2}


def price(item):
    return PRICES[item]


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return f"Lobster costs {price('lobster')}"
