from mod_python import apache


def handler(req):
    received = 0
    while data := req.read(65536):
        received += len(data)
    req.content_type = "text/html"
    req.write(f"{received}\n")
    return apache.OK
