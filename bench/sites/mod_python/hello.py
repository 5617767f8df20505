from mod_python import apache


def handler(req):
    req.content_type = "text/html"
    req.set_content_length(14)
    req.write("Hello, World!\n")
    return apache.OK
