from mod_python import apache, util


def handler(req):
    page = util.FieldStorage(req)[b"name"] + b"\n"
    req.content_type = "text/html"
    req.set_content_length(len(page))
    req.write(page)
    return apache.OK
