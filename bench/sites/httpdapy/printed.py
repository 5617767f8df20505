import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        self.hook_stdout()
        for n in range(100):
            print(f"line {n} of a page that is neither long nor short")
