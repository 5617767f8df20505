"""What a client of API functions imports: ``import webapiclient``."""

import sys

if __name__ == "webapiclient":  # under its bare name too, this is one module
    from httpdapy import webapiclient

    sys.modules[__name__] = webapiclient
else:
    from .client.service import APIError, File, ResponseFile, Service

    __all__ = ["APIError", "File", "ResponseFile", "Service"]
