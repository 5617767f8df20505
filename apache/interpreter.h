/* One Python interpreter, as the direct way knows it. */
#ifndef HTTPDAPY_INTERPRETER_H
#define HTTPDAPY_INTERPRETER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "httpd.h"

/* The str of a text, which is made anew only when the text is another.  Most requests of an
 * interpreter are for the same file with the same settings; a str that is the same object is hashed
 * once and compared at a glance. */
typedef struct {
    char *text;
    PyObject *value;
} hdpy_same;

/* Lives as long as the process.  Python objects belong to the interpreter and are touched with its
 * GIL only. */
typedef struct hdpy_interpreter {
    const char *name;
    PyInterpreterState *state;
    unsigned number;          /* from 0, in the order of registration */
    PyObject *dispatch;       /* Dispatcher.answer(request) */
    PyTypeObject *request;    /* the class of requests, made of _link.Request */
    PyObject *settings;       /* settings.parse(text) */
    PyObject *headers;        /* the class Headers */
    PyObject *read_error;     /* (status, message) -> exception */
    PyObject *write_error;    /* (message) -> exception */

    hdpy_same filename, looked, settings_text;
    struct {
        apr_time_t mtime;
        apr_off_t size;
        apr_ino_t inode;
        PyObject *value;
    } stamp;
} hdpy_interpreter;

/* A new reference to the str, or to what `make` makes of it if that is not NULL. */
PyObject *hdpy_same_value(hdpy_same *same, const char *text, PyObject *make);

/* Add the interpreter that runs, under the name that hdpy_direct_expect() was given, to those that are
 * called directly; 0, or -1 with an exception.  `interpreter` is copied, its references with it. */
int hdpy_interpreter_register(const hdpy_interpreter *interpreter);

/* The request that this thread runs in the interpreter that runs: borrowed, or NULL. */
PyObject *hdpy_current_request(void);

#endif
