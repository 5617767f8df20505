from html import escape

from page import Page


def table(title, values):
    rows = "".join(
        f"<tr><th>{escape(name)}<td>{escape(str(value))}" for name, value in values.items()
    )
    return f"<h2>{title}</h2><table>{rows}</table>"


class RequestHandler(Page):
    title = "Status"

    def body(self):
        pb, rq, sn = self.pb, self.rq, self.sn
        interpreter = self.req.interpreter or "main_interpreter"
        return (
            f"<p>Interpreter <code>{escape(interpreter)}</code></p>"
            + table("pb", pb)
            + table("rq.reqpb", rq.reqpb)
            + table("rq.headers", rq.headers)
            + table("rq.vars", rq.vars)
            + table("sn.client()", sn.client())
        )
