from urllib.parse import parse_qs


def handle_request(environ, start_response):
    form = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    body = (parse_qs(form.decode())["name"][0] + "\n").encode()
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
