/* The handler of a request, as long as nothing has changed. */
#ifndef HTTPDAPY_SETTLED_H
#define HTTPDAPY_SETTLED_H

#include "interpreter.h"

/* Run the handler of a request whose code is settled, and leave its answer in the request: 1.  0: its
 * code is not settled, and nothing was done.  -1: with an exception, the failure of dispatch itself. */
int hdpy_settled_run(hdpy_interpreter *interpreter, PyObject *request);

/* Requests at *place* are for RequestHandler of the module *code*, as long as *modules* have that version. */
void hdpy_settled_keep(hdpy_settled *settled, PyObject *place, PyObject *modules,
                       PyObject *version, PyObject *code);

void hdpy_settled_clear(hdpy_settled *settled);

#endif
