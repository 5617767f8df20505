PAGE = b"0123456789abcde\n" * 65536


def handle_request(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]
