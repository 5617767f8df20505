def handle_request(environ, start_response):
    received = 0
    while data := environ["wsgi.input"].read(65536):
        received += len(data)
    body = f"{received}\n".encode()
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
