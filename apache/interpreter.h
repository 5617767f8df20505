/* One Python interpreter, as the direct way knows it. */
#ifndef HTTPDAPY_INTERPRETER_H
#define HTTPDAPY_INTERPRETER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "httpd.h"
#include "apr_file_info.h"

#include <stdint.h>

/* What a text was made into, kept for as long as it is the same text. */
typedef struct {
    char *text;
    PyObject *value;
} hdpy_same;

/* What a request was asked for by the link, and the tuple that Python has of it.  Most requests of an
 * interpreter are for the same file with the same settings, and a tuple that is the same object
 * says that all is as it was. */
typedef struct {
    char *filename, *settings, *looked;
    apr_filetype_e type;
    apr_time_t mtime;
    apr_off_t size;
    apr_ino_t inode;
    uint64_t walk;   /* hdpy_target.walk: the same says that all but `looked` is the same */
    PyObject *value; /* NULL: none is kept */
} hdpy_place;

/* Lives as long as the process.  Python objects belong to the interpreter and are touched with its
 * GIL only. */
typedef struct hdpy_interpreter {
    const char *name;
    PyInterpreterState *state;
    unsigned number;          /* from 0, in the order of registration */
    PyObject *dispatch;       /* Dispatcher.answer(request) */
    PyObject *authenticate;   /* Authenticator.decide(request, module) */
    PyObject *partial_lines;  /* dict: empty while no line of the error log waits for its end */
    PyObject *end_line;       /* ErrorStream.finish(request) */
    PyTypeObject *request;    /* the class of requests, made of _link.Request */
    PyObject *settings;       /* settings.parse(text) */
    PyObject *headers;        /* the class of headers, made of _link.Headers */
    PyObject *read_error;     /* (status, message) -> exception */
    PyObject *write_error;    /* (message) -> exception */

    hdpy_same settings_text;
    hdpy_place place;
} hdpy_interpreter;

/* A new reference to what `make` makes of the text as a str. */
PyObject *hdpy_same_value(hdpy_same *same, const char *text, PyObject *make);

void hdpy_place_clear(hdpy_place *place);

/* Add the interpreter that runs, under the name that hdpy_direct_expect() was given, to those that are
 * called directly; 0, or -1 with an exception.  `interpreter` is copied, its references with it. */
int hdpy_interpreter_register(const hdpy_interpreter *interpreter);

/* The request that this thread runs in the interpreter that runs: borrowed, or NULL. */
PyObject *hdpy_current_request(void);

#endif
