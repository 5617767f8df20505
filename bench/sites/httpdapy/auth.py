import httpdapi


class AuthHandler(httpdapi.AuthHandler):
    def Handle(self):
        found = self.rq.vars
        if found.get("auth-user") == "ada" and found.get("auth-password") == "engine":
            return httpdapi.REQ_PROCEED
        return httpdapi.REQ_NOACTION
