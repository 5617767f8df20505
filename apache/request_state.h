/* What the files of the class _link.Request share: its life (request.c), what it is asked for
 * (request_facts.c), its headers, its body and the answer (request_headers.c and so on).
 */
#ifndef HTTPDAPY_REQUEST_STATE_H
#define HTTPDAPY_REQUEST_STATE_H

#include "request.h"

#include <pthread.h>

#include "answer.h"
#include "body.h"
#include "outbox.h"

#define SMALL 65536 /* bytes of a body that are copied, to be sent without the GIL */

typedef struct {
    PyObject_HEAD
    request_rec *r; /* NULL: the request is over */
    hdpy_interpreter *interpreter;
    const hdpy_target *target;
    const char *file_type; /* the answer's takes its place in the request_rec; NULL: none */
    hdpy_answer *answer;
    hdpy_body body;
    pthread_t thread;         /* that runs the request */
    int is_busy;              /* that thread waits for the client, without the GIL */
    hdpy_outbox *outbox;      /* for what is written soon; NULL: nothing was */
    unsigned taken;           /* how often the thread `taker` has taken it and not given it back */
    pthread_t taker;
    int is_asked;             /* for authentication: there is nothing to write */
    int status;
    int has_put_headers;      /* they are in the request_rec */
    int is_started;           /* status and headers are Apache's */
    PyObject *whole;          /* bytes: the whole body of the answer; or NULL */
    const char *document;     /* why Apache makes the answer; NULL: it does not */
    const char *redirect;     /* where the answer is; NULL: it is this one */
    PyObject *headers_in, *headers_out;
    PyObject *content_type; /* str: the only header of the answer, as yet without headers_out */
} Request;

/* Attributes and methods of the class.  Each table ends with a NULL. */
extern PyGetSetDef hdpy_request_facts[], hdpy_request_headers[];
extern PyMethodDef hdpy_request_dispatch[], hdpy_request_reading[], hdpy_request_answering[];

/* Py_tp_iternext: the next line of the body. */
PyObject *hdpy_request_next(Request *self);

/* Whether the request is not over; or an exception. */
int hdpy_is_live(Request *self);

/* Whether what lives in the request's pool may be touched; or an exception. */
int hdpy_is_free(Request *self);

/* Whether this thread runs the request. */
int hdpy_is_own_thread(const Request *self);

/* Whether this thread may read and write; or an exception. */
int hdpy_is_own(Request *self);

/* Have the request's pool and connection for this thread, which may have them already; 0: the
 * request is over, or its own thread waits for the client.  It does not end while it is taken. */
int hdpy_take(Request *self);
void hdpy_give(Request *self);

/* Let other threads run for a moment. */
void hdpy_wait_a_moment(void);

/* The function `taking_name`, which does what `name` does between take() and give(). */
#define TAKING(name, parameters, ...)                                                             \
    static PyObject *taking_##name parameters                                                     \
    {                                                                                             \
        int taken = hdpy_take(self);                                                                   \
        PyObject *result = name(__VA_ARGS__);                                                     \
                                                                                                  \
        if (taken)                                                                                \
            hdpy_give(self);                                                                           \
        return result;                                                                            \
    }
#define TAKING_GETTER(name) TAKING(name, (Request *self, void *field), self, field)
#define TAKING_METHOD(name) TAKING(name, (Request *self, PyObject *argument), self, argument)
#define TAKING_FASTCALL(name)                                                                     \
    TAKING(name, (Request *self, PyObject *const *args, Py_ssize_t count), self, args, count)

/* Around what waits for the client. */
#define BEGIN_WAIT(self)                                                                          \
    (self)->is_busy = hdpy_is_own_thread(self);                                                        \
    Py_BEGIN_ALLOW_THREADS
#define END_WAIT(self)                                                                            \
    Py_END_ALLOW_THREADS                                                                          \
    (self)->is_busy = 0;

PyObject *hdpy_latin1_str(const char *text);
PyObject *hdpy_path_str(const char *text);

/* The headers of the answer; unused: for the table of attributes. */
PyObject *hdpy_headers_out(Request *self, void *unused);

/* Bytes of a header's name or value, in the pool where they are not those of the str.  NULL with an
 * exception for what cannot be sent. */
const char *hdpy_header_bytes(Request *self, PyObject *name, PyObject *text);

/* Whose Content-Length goes out: the answer's own header, that of the whole body, or the one that
 * Apache counts when it sees the body and its end in one piece. */
typedef enum { DECLARED, WHOLE, COUNTED } hdpy_length;

/* Request.finish(). */
PyObject *hdpy_request_finish(Request *self, PyObject *body);

/* Give status and headers to Apache: all, or with an exception none; 0 or -1. */
int hdpy_put_headers(Request *self, hdpy_length length);

#endif
