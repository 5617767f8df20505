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

/* Which code answers, as interpreters/dispatch.py has found it: `handler` of `module`, for requests
 * at `place`, as long as `modules` have that version.  See settled.c. */
typedef struct {
    PyObject *place, *modules, *version, *module;
    PyObject *handler, *start; /* the class, and its for_request() */
} hdpy_settled;

/* RequestHandler's own methods, in Python, and what they were asked last; see base.c. */
typedef struct {
    PyObject *methods; /* dict: what their names are in the class */
    PyObject *for_request, *init, *header, *status, *send;
    PyObject *content_type_name;
    PyObject *declared, *sent; /* a content type, and what goes out for it with text in UTF-8 */
} hdpy_base;

/* What an interpreter registers. */
#define HDPY_REGISTERED(X)                                                                        \
    X(dispatch)      /* Dispatcher.answer(request) */                                             \
    X(complete)      /* dispatch.complete(request, result) */                                     \
    X(fail)          /* dispatch.fail(request, error) */                                          \
    X(authenticate)  /* Authenticator.decide(request, module) */                                  \
    X(proceed)       /* REQ_PROCEED */                                                            \
    X(output)        /* stdout.current */                                                         \
    X(partial_lines) /* dict: empty while no line of the error log waits for its end */           \
    X(end_line)      /* ErrorStream.finish(request) */                                            \
    X(request)       /* the class of requests, made of _link.Request */                           \
    X(settings)      /* settings.parse(text) */                                                   \
    X(headers)       /* the class of headers, made of _link.Headers */                            \
    X(handler)       /* RequestHandler */                                                         \
    X(text_type)     /* content.text_type(content_type) */                                        \
    X(read_error)    /* (status, message) -> exception */                                         \
    X(write_error)   /* (message) -> exception */

/* Names that are looked up for each request. */
#define HDPY_NAMES(X)                                                                             \
    X(Content) X(Handle) X(Header) X(RequestHandler) X(Send) X(Status) X(__init__) X(_writer)     \
    X(content_type) X(for_request) X(redirect) X(req) X(version)

#define HDPY_OBJECT(name) PyObject *name;

/* Lives as long as the process.  Python objects belong to the interpreter and are touched with its
 * GIL only. */
typedef struct hdpy_interpreter {
    const char *name;
    PyInterpreterState *state;
    unsigned number; /* from 0, in the order of registration */
    HDPY_REGISTERED(HDPY_OBJECT)
    struct { HDPY_NAMES(HDPY_OBJECT) } names;

    hdpy_same settings_text;
    hdpy_place place;
    hdpy_settled settled;
    hdpy_base base;
} hdpy_interpreter;

/* A new reference to what `make` makes of the text as a str. */
PyObject *hdpy_same_value(hdpy_same *same, const char *text, PyObject *make);

void hdpy_place_clear(hdpy_place *place);

/* Add the interpreter that runs, under the name that hdpy_direct_expect() was given, to those that are
 * called directly; 0, or -1 with an exception.  `interpreter` is copied, its references with it. */
int hdpy_interpreter_register(const hdpy_interpreter *interpreter);

/* The request that this thread runs in the interpreter that runs: borrowed, or NULL. */
PyObject *hdpy_current_request(void);

/* The interpreter that runs; NULL: it has not registered. */
hdpy_interpreter *hdpy_current_interpreter(void);

#endif
