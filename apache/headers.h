/* The Python class _link.Headers: handlers/headers.py in C, for requests that come directly. */
#ifndef HTTPDAPY_HEADERS_H
#define HTTPDAPY_HEADERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef struct {
    PyObject *name, *value; /* str */
} hdpy_header;

/* Fields of one name stand together. */
typedef struct {
    PyObject_HEAD
    Py_ssize_t count, room;
    hdpy_header *fields;
    hdpy_header first[4]; /* `fields`, as long as they are so few */
} hdpy_headers;

extern PyType_Spec hdpy_headers_spec;

/* Append a field without replacing those of its name; takes both references, also if it fails, with
 * an exception and -1. */
int hdpy_headers_add(hdpy_headers *headers, PyObject *name, PyObject *value);

#endif
