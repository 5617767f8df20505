"""From a request to its RequestHandler and back, in the interpreter the request belongs to."""
