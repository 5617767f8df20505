/* The Python class _link.Request. */
#ifndef HTTPDAPY_REQUEST_H
#define HTTPDAPY_REQUEST_H

#include "interpreter.h"
#include "target.h"

extern PyType_Spec hdpy_request_spec;

/* A new request of the interpreter's class, or NULL with an exception. */
PyObject *hdpy_request_new(hdpy_interpreter *interpreter, request_rec *r,
                           const hdpy_target *target);

/* Dispatch has returned, with an exception or not: the object is dead from now on.  Call
 * hdpy_answer_end() on the answer, without the GIL. */
struct hdpy_answer *hdpy_request_end(PyObject *request);

#endif
