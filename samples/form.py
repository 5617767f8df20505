from html import escape

from page import Page

FORM = """
<form method=post enctype=multipart/form-data>
  <label>Your name <input name=name></label>
  <label>A file <input type=file name=file></label>
  <button>Send</button>
</form>"""


class RequestHandler(Page):
    title = "Form"

    def body(self):
        form = self.form_data()
        answer = ""
        for name in form.get("name", []):
            answer += f"<p>Hello, {escape(name)}!</p>"
        for file in form.get("file", []):
            answer += f"<p>{escape(file.filename)} has {file.size} bytes.</p>"
        return answer + FORM
