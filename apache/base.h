/* The methods of RequestHandler in C. */
#ifndef HTTPDAPY_BASE_H
#define HTTPDAPY_BASE_H

#include "interpreter.h"

/* Take notes of the class, which has those of Python; 0, or -1 with an exception. */
int hdpy_base_prepare(hdpy_base *base, PyObject *type);

/* Put them into the class, when the interpreter has registered; 0, or -1 with an exception. */
int hdpy_base_install(PyObject *type);

/* A handler for a request, made by a for_request(); NULL with an exception. */
PyObject *hdpy_base_call(PyObject *start, PyObject *req);

/* Put those of Python back. */
void hdpy_base_remove(const hdpy_base *base, PyObject *type);

void hdpy_base_clear(hdpy_base *base);

#endif
