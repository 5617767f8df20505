import secrets

import httpdapi

PASSWORDS = {"ali": "sesame"}


class AuthHandler(httpdapi.AuthHandler):
    def Handle(self):
        user = self.rq.vars.get("auth-user", "")
        password = self.rq.vars.get("auth-password", "")
        right = PASSWORDS.get(user)
        if right and secrets.compare_digest(password.encode(), right.encode()):
            return httpdapi.REQ_PROCEED
        return httpdapi.REQ_NOACTION
