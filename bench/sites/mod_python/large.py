from mod_python import apache

PAGE = b"0123456789abcde\n" * 65536


def handler(req):
    req.content_type = "text/html"
    req.set_content_length(len(PAGE))
    req.write(PAGE)
    return apache.OK
