"""PythonOption pythonpath: an expression for sys.path, worked out without running code.

    ['.', '/usr/lib/python']
    sys.path + ['/srv/lib']
    ['/srv/lib'] + sys.path

Httpdapy 1.7b gave it to eval(); these are the forms in which it was used.
"""

import ast
import os


class PythonPathError(ValueError):
    """PythonOption pythonpath is not one of the forms above."""


def evaluate(text: str, directory: str, default: list[str]) -> list[str]:
    """The list that *text* describes.

    directory: what relative entries start from; the result holds absolute paths only.
    default: stands for ``sys.path``.
    Raises PythonPathError.
    """

    def value(node: ast.expr) -> list[str]:
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [entry(item) for item in items]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
                return default
        raise PythonPathError(_message(text, ast.unparse(node)))

    def entry(node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str(path)) if "\0" not in path:
                return os.path.normpath(os.path.join(directory, path))
        raise PythonPathError(_message(text, ast.unparse(node)))

    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PythonPathError(_message(text, str(error))) from None
    return value(expression)


def _message(text: str, problem: str) -> str:
    return (
        f"PythonOption pythonpath {text!r}: {problem!r} is not understood; it takes a list of "
        "strings, sys.path, and their sum, as in \"sys.path + ['/srv/lib']\""
    )
