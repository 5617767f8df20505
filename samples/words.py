from html import escape

from page import Page


class RequestHandler(Page):
    title = "Working directory"

    def body(self):
        with open("words.txt") as file:  # beside this script
            words = file.read().split()
        return f"<p>words.txt says: {escape(' '.join(words))}</p>"
