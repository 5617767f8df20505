/* The Python class _link.Request. */
#ifndef HTTPDAPY_REQUEST_H
#define HTTPDAPY_REQUEST_H

#include "interpreter.h"
#include "outbox.h"
#include "target.h"

extern PyType_Spec hdpy_request_spec;

/* Give the class, made of that, its attributes and methods; 0, or -1 with an exception. */
int hdpy_request_complete(PyTypeObject *type);

/* In each child, before its threads run. */
void hdpy_request_init(void);

/* A new request of the interpreter's class, or NULL with an exception. */
PyObject *hdpy_request_new(hdpy_interpreter *interpreter, request_rec *r,
                           const hdpy_target *target);

/* The request is asked for authentication: it may be looked at, and get headers and a user. */
void hdpy_request_ask(PyObject *request);

/* The question is answered: put headers and user into the request_rec; 0, or -1 with an exception. */
int hdpy_request_put_answer(PyObject *request);

/* Of any thread, with the GIL: Request.write_soon(); and send at once what waits.  0, or -1 with an
 * exception. */
int hdpy_request_write_soon(PyObject *request, const char *data, Py_ssize_t length);
int hdpy_request_send_waiting(PyObject *request);

/* Where hdpy_request_write_soon() puts bytes, for as long as the GIL is held; NULL: it has more to
 * do than that. */
hdpy_outbox *hdpy_request_outbox(PyObject *request);

/* Whether it is at Request.place, which is kept. */
int hdpy_request_is_at(PyObject *request, PyObject *place);

/* Whether it lives and has what its status wants: not Request.lacks_document. */
int hdpy_request_has_answer(PyObject *request);

/* Request.begin(); 0, or -1 with an exception. */
int hdpy_request_begin(PyObject *request);

int hdpy_request_is_over(PyObject *request);

/* Whether an object is a request. */
int hdpy_request_check(PyObject *object);

/* Dispatch has returned, with an exception or not: the object is dead from now on.  Call
 * hdpy_answer_end() on the answer, without the GIL. */
struct hdpy_answer *hdpy_request_end(PyObject *request);

#endif
