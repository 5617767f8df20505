"""What ``import httpdapi`` gives: RequestHandler and the objects it works with."""
