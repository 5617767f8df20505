import httpdapi


class RequestHandler(httpdapi.RequestHandler):
    content_type = "text/plain"

    def Content(self):
        self.hook_stdout()
        for n in range(1, 13):
            print(f"{n:2} x {n:2} = {n * n:3}")
