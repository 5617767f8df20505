import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return self.form_data()["name"][0] + "\n"
