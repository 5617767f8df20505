/* The Python class _link.Request: one request, as interpreters/served.py describes it.
 *
 * Nothing is computed before it is asked for.  The object outlives its request when a handler keeps
 * it; then every use raises.  Bodies are read and answers sent without the GIL, by the thread that
 * runs the request and no other; meanwhile other threads may ask for what the request_rec merely
 * holds, not for what has to be worked out in its pool.
 *
 * What is written soon rather than at once may come from any thread, and may be sent by one that is
 * not Python's (outbox.c).  So every use of the request's pool and connection that another thread
 * may meet with is between take() and give().
 */
#include "request.h"

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "answer.h"
#include "body.h"
#include "environment.h"
#include "headers.h"
#include "outbox.h"
#include "watch.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define SMALL 65536       /* bytes of a body that are copied, to be sent without the GIL */
#define LOG_LINE_MAX 4000 /* bytes; Apache cuts a line of the log, with all that precedes it, at 8192 */

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
} Request;

/* This process was forked by a handler: no request is its. */
static int is_fork;

/* ---- life ---------------------------------------------------------------------------------- */

static void become_fork(void)
{
    is_fork = 1;
}

void hdpy_request_init(void)
{
    pthread_atfork(NULL, NULL, become_fork);
}

PyObject *hdpy_request_new(hdpy_interpreter *interpreter, request_rec *r,
                           const hdpy_target *target)
{
    Request *self = (Request *)interpreter->request->tp_alloc(interpreter->request, 0);

    if (!self)
        return NULL;
    self->r = self->body.r = r;
    self->interpreter = interpreter;
    self->target = target;
    self->file_type = r->content_type;
    self->answer = hdpy_answer_new(r);
    self->thread = pthread_self();
    self->status = HTTP_OK;
    return (PyObject *)self;
}

/* Let other threads run for a moment. */
static void wait_a_moment(void)
{
    Py_BEGIN_ALLOW_THREADS
    apr_sleep(500);
    Py_END_ALLOW_THREADS
}

int hdpy_request_is_over(PyObject *request)
{
    return is_fork || !((Request *)request)->r;
}

hdpy_answer *hdpy_request_end(PyObject *request)
{
    Request *self = (Request *)request;

    while (self->taken)
        wait_a_moment();
    self->r = NULL;
    return self->answer;
}

static void request_dealloc(Request *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(self->whole);
    Py_XDECREF(self->headers_in);
    Py_XDECREF(self->headers_out);
    type->tp_free(self);
    Py_DECREF(type);
}

static int is_live(Request *self)
{
    if (self->r && !is_fork)
        return 1;
    PyErr_SetString(PyExc_RuntimeError, is_fork
        ? "the request is that of the process that has forked this one"
        : "the request is over: take what you need of it before the handler returns");
    return 0;
}

/* Whether what lives in the request's pool may be touched. */
static int is_free(Request *self)
{
    if (!is_live(self))
        return 0;
    if (!self->is_busy)
        return 1;
    PyErr_SetString(PyExc_RuntimeError, "the request is in use by its own thread, which waits for "
                                        "the client: ask before you start another thread");
    return 0;
}

static int is_own_thread(const Request *self)
{
    return pthread_equal(self->thread, pthread_self());
}

/* Whether this thread may read and write. */
static int is_own(Request *self)
{
    if (!is_live(self))
        return 0;
    if (is_own_thread(self))
        return 1;
    PyErr_SetString(PyExc_RuntimeError, "the body is read and the answer written by the thread "
                                        "that runs the request, and no other");
    return 0;
}

/* Have the request's pool and connection for this thread, which may have them already; 0: the
 * request is over, or its own thread waits for the client.  It does not end while it is taken. */
static int take(Request *self)
{
    int is_mine = is_own_thread(self);

    for (;;) {
        if (!self->r || is_fork || (self->is_busy && !is_mine))
            return 0;
        if (!self->taken || pthread_equal(self->taker, pthread_self()))
            break;
        wait_a_moment();
    }
    self->taker = pthread_self();
    self->taken++;
    while (self->taken == 1 && self->outbox && !hdpy_outbox_take(self->outbox)) {
        Py_BEGIN_ALLOW_THREADS
        hdpy_outbox_await(self->outbox);
        Py_END_ALLOW_THREADS
    }
    return 1;
}

static void give(Request *self)
{
    self->taken--;
    if (!self->taken && self->outbox)
        hdpy_outbox_give(self->outbox);
}

/* The function `taking_name`, which does what `name` does between take() and give(). */
#define TAKING(name, parameters, ...)                                                             \
    static PyObject *taking_##name parameters                                                     \
    {                                                                                             \
        int taken = take(self);                                                                   \
        PyObject *result = name(__VA_ARGS__);                                                     \
                                                                                                  \
        if (taken)                                                                                \
            give(self);                                                                           \
        return result;                                                                            \
    }
#define TAKING_GETTER(name) TAKING(name, (Request *self, void *field), self, field)
#define TAKING_METHOD(name) TAKING(name, (Request *self, PyObject *argument), self, argument)
#define TAKING_FASTCALL(name)                                                                     \
    TAKING(name, (Request *self, PyObject *const *args, Py_ssize_t count), self, args, count)

/* ---- facts --------------------------------------------------------------------------------- */

static PyObject *latin1_str(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

static PyObject *path_str(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

/* A text of the request_rec, at the offset `field`; "" for none. */
static const char *text_at(Request *self, void *field)
{
    const char *text = *(char **)((char *)self->r + (size_t)field);

    return text ? text : "";
}

static PyObject *get_text(Request *self, void *field)
{
    return is_live(self) ? latin1_str(text_at(self, field)) : NULL;
}

/* As mod_wsgi has it: with single slashes. */
static PyObject *get_path(Request *self, void *field)
{
    const char *text;

    if (!is_live(self))
        return NULL;
    text = text_at(self, field);
    if (strstr(text, "//")) {
        if (!is_free(self))
            return NULL;
        text = apr_pstrdup(self->r->pool, text);
        ap_no2slash((char *)text);
    }
    return path_str(text);
}

static PyObject *get_user(Request *self, void *unused)
{
    if (!is_live(self))
        return NULL;
    if (!self->r->user)
        Py_RETURN_NONE;
    return path_str(self->r->user);
}

static int set_user(Request *self, PyObject *value, void *unused)
{
    const char *name;

    if (!is_free(self))
        return -1;
    if (!self->is_asked) {
        PyErr_SetString(PyExc_AttributeError, "the user is who has authenticated; only an "
                                              "AuthHandler says who that is");
        return -1;
    }
    name = value && value != Py_None ? PyUnicode_AsUTF8(value) : NULL;
    if (PyErr_Occurred())
        return -1;
    if (name && (!*name || name[strcspn(name, "\r\n")])) {
        PyErr_Format(PyExc_ValueError, "%R is no name of a user", value);
        return -1;
    }
    self->r->user = name ? apr_pstrdup(self->r->pool, name) : NULL;
    return 0;
}

static PyObject *get_filename(Request *self, void *unused)
{
    return is_live(self) ? PyUnicode_DecodeFSDefault(self->r->filename) : NULL;
}

static PyObject *get_file_type(Request *self, void *unused)
{
    return is_live(self) ? latin1_str(self->file_type ? self->file_type : "") : NULL;
}

static PyObject *get_unparsed_uri(Request *self, void *unused)
{
    return is_free(self) ? latin1_str(hdpy_unparsed_uri(self->r)) : NULL;
}

static PyObject *get_interpreter(Request *self, void *unused)
{
    return is_live(self) ? path_str(self->interpreter->name) : NULL;
}

static PyObject *get_local_addr(Request *self, void *unused)
{
    return is_live(self) ? latin1_str(self->r->connection->local_ip) : NULL;
}

static PyObject *get_local_port(Request *self, void *unused)
{
    return is_live(self) ? PyLong_FromLong(self->r->connection->local_addr->port) : NULL;
}

static PyObject *get_remote_port(Request *self, void *unused)
{
    return is_live(self) ? PyLong_FromLong(self->r->connection->client_addr->port) : NULL;
}

static PyObject *get_server_name(Request *self, void *unused)
{
    return is_free(self) ? latin1_str(ap_get_server_name_for_url(self->r)) : NULL;
}

static PyObject *get_server_port(Request *self, void *unused)
{
    return is_live(self) ? PyLong_FromLong(ap_get_server_port(self->r)) : NULL;
}

static PyObject *get_scheme(Request *self, void *unused)
{
    return is_live(self) ? latin1_str(ap_http_scheme(self->r)) : NULL;
}

static PyObject *get_settings(Request *self, void *unused)
{
    return is_live(self) ? hdpy_same_value(&self->interpreter->settings_text,
                                           self->target->settings, self->interpreter->settings)
                         : NULL;
}

/* What changes when the file does, as interpreters/stamps.py writes it. */
static PyObject *stamp_str(const apr_finfo_t *file)
{
    if (file->filetype != APR_REG)
        return PyUnicode_FromStringAndSize(NULL, 0);
    return PyUnicode_FromFormat("%lld %lld %llu", (long long)file->mtime, (long long)file->size,
                                (unsigned long long)file->inode);
}

static int is_same_place(Request *self, const hdpy_place *place)
{
    const apr_finfo_t *file = &self->r->finfo;

    if (place->value && place->walk && place->walk == self->target->walk)
        return !strcmp(place->looked, self->target->looked);
    return place->value && place->type == file->filetype && place->mtime == file->mtime
        && place->size == file->size && place->inode == file->inode
        && !strcmp(place->filename, self->r->filename)
        && !strcmp(place->looked, self->target->looked)
        && !strcmp(place->settings, self->target->settings);
}

static void keep_place(Request *self, hdpy_place *place, PyObject *value)
{
    const apr_finfo_t *file = &self->r->finfo;
    char *filename = strdup(self->r->filename);
    char *looked = strdup(self->target->looked);
    char *settings = strdup(self->target->settings);

    hdpy_place_clear(place);
    place->filename = filename;
    place->looked = looked;
    place->settings = settings;
    if (!filename || !looked || !settings)
        return; /* and the next request makes it anew */
    place->type = file->filetype;
    place->mtime = file->mtime;
    place->size = file->size;
    place->inode = file->inode;
    place->walk = self->target->walk;
    place->value = Py_NewRef(value);
}

/* (settings, filename, stamp, looked): all that says which code answers, and the same object as long
 * as it says the same. */
static PyObject *get_place(Request *self, void *unused)
{
    hdpy_place *place = &self->interpreter->place;
    PyObject *value;

    if (!is_live(self))
        return NULL;
    if (is_same_place(self, place)) {
        place->walk = self->target->walk;
        return Py_NewRef(place->value);
    }
    value = Py_BuildValue("(NNNN)", get_settings(self, NULL), get_filename(self, NULL),
                          stamp_str(&self->r->finfo),
                          PyUnicode_DecodeFSDefault(self->target->looked));
    if (value)
        keep_place(self, place, value);
    return value;
}

static PyObject *get_looked(Request *self, void *unused)
{
    return is_live(self) ? PyUnicode_DecodeFSDefault(self->target->looked) : NULL;
}

static PyObject *get_status(Request *self, void *unused)
{
    return is_live(self) ? PyLong_FromLong(self->status) : NULL;
}

static int set_status(Request *self, PyObject *value, void *unused)
{
    long status;

    if (!is_live(self))
        return -1;
    if (!value || !PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "a status is an int from 100 to 999, not %R",
                     value ? value : Py_None);
        return -1;
    }
    status = PyLong_AsLong(value);
    if (status < 100 || status > 999) {
        PyErr_Format(PyExc_ValueError, "a status is an int from 100 to 999, not %R", value);
        return -1;
    }
    self->status = (int)status;
    return 0;
}

static PyObject *get_started(Request *self, void *unused)
{
    return is_live(self) ? PyBool_FromLong(self->is_started) : NULL;
}

static PyObject *get_lacks_document(Request *self, void *unused)
{
    if (!is_live(self))
        return NULL;
    return PyBool_FromLong(self->status >= 300 && self->status != HTTP_NOT_MODIFIED
                           && !self->is_started
                           && (!self->whole || !PyBytes_GET_SIZE(self->whole)));
}

/* ---- headers ------------------------------------------------------------------------------- */

/* "ACCEPT-LANGUAGE" as "Accept-Language": HTTP/2 has small letters only, others write as they
 * like. */
static PyObject *header_name(const char *name)
{
    Py_ssize_t length = (Py_ssize_t)strlen(name);
    PyObject *text = PyUnicode_New(length, 127);
    int first = 1;

    if (!text)
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++) {
        PyUnicode_WRITE(PyUnicode_KIND(text), PyUnicode_DATA(text), i,
                        (Py_UCS4)(first ? apr_toupper(name[i]) : apr_tolower(name[i])));
        first = name[i] == '-';
    }
    return text;
}

static PyObject *get_headers_in(Request *self, void *unused)
{
    const apr_array_header_t *entries;

    if (!is_live(self))
        return NULL;
    if (self->headers_in)
        return Py_NewRef(self->headers_in);
    if (!is_free(self))
        return NULL;
    self->headers_in = PyObject_CallNoArgs(self->interpreter->headers);
    entries = apr_table_elts(self->r->headers_in);
    for (int i = 0; self->headers_in && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts + i;

        if (entry->key && entry->val && hdpy_is_visible(entry->key)
            && hdpy_headers_add((hdpy_headers *)self->headers_in, header_name(entry->key),
                                latin1_str(entry->val)) < 0)
            Py_CLEAR(self->headers_in);
    }
    return Py_XNewRef(self->headers_in);
}

static PyObject *get_headers_out(Request *self, void *unused)
{
    if (!is_live(self))
        return NULL;
    if (!self->headers_out)
        self->headers_out = PyObject_CallNoArgs(self->interpreter->headers);
    return Py_XNewRef(self->headers_out);
}

/* Bytes of a header's name or value, in the pool where they are not those of the str.  NULL with an
 * exception for what cannot be sent. */
static const char *header_bytes(Request *self, PyObject *name, PyObject *text)
{
    const char *bytes = NULL;
    int is_name = name == text;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "header %R: names and values are str, not %R", name, text);
        return NULL;
    }
    if (PyUnicode_IS_ASCII(text)) {
        bytes = PyUnicode_AsUTF8(text);
    } else {
        PyObject *latin1 = PyUnicode_AsLatin1String(text);

        if (latin1)
            bytes = apr_pstrmemdup(self->r->pool, PyBytes_AS_STRING(latin1),
                                   (apr_size_t)PyBytes_GET_SIZE(latin1));
        Py_XDECREF(latin1);
    }
    if (!bytes)
        return NULL;
    if ((Py_ssize_t)strlen(bytes) != PyUnicode_GET_LENGTH(text) || (is_name && !*bytes))
        goto refused;
    for (const char *c = bytes; *c; c++)
        if (is_name ? !apr_isalnum(*c) && *c != '-' && !strchr("!#$%&'*+.^_`|~", *c)
                    : (unsigned char)*c < ' ' ? *c != '\t' : *c == 0x7f)
            goto refused;
    return bytes;

refused:
    if (is_name)
        PyErr_Format(PyExc_ValueError, "%R is no name of a header", name);
    else
        PyErr_Format(PyExc_ValueError, "header %R: a control character in %R", name, text);
    return NULL;
}

static int is_length(const char *value)
{
    return *value && !value[strspn(value, "0123456789")] && strlen(value) < 19;
}

static void put_header(request_rec *r, const char *name, const char *value)
{
    if (!strcasecmp(name, "Content-Type"))
        ap_set_content_type(r, apr_pstrdup(r->pool, value));
    else if (!strcasecmp(name, "Content-Length"))
        ap_set_content_length(r, apr_atoi64(value));
    else if (!strcasecmp(name, "WWW-Authenticate"))
        apr_table_add(r->err_headers_out, name, value);
    else
        apr_table_add(r->headers_out, name, value);
}

/* Whose Content-Length goes out: the answer's own header, that of the whole body, or the one that
 * Apache counts when it sees the body and its end in one piece. */
typedef enum { DECLARED, WHOLE, COUNTED } content_length;

/* Give status and headers to Apache: all, or with an exception none. */
static int put_headers(Request *self, content_length length)
{
    request_rec *r = self->r;
    const hdpy_headers *headers = (const hdpy_headers *)self->headers_out;
    Py_ssize_t count = headers && !self->has_put_headers ? headers->count : 0;
    const char **lines = count ? apr_palloc(r->pool, 2 * (size_t)count * sizeof(*lines)) : NULL;

    if (self->status < HTTP_OK) {
        PyErr_Format(PyExc_ValueError, "the status %d announces an answer and is not that of one: "
                                       "set one from 200 on", self->status);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = headers->fields[i].name, *value = headers->fields[i].value;

        lines[2 * i] = header_bytes(self, name, name);
        lines[2 * i + 1] = lines[2 * i] ? header_bytes(self, name, value) : NULL;
        if (!lines[2 * i + 1])
            return -1;
        if (!strcasecmp(lines[2 * i], "Content-Length") && !is_length(lines[2 * i + 1])) {
            PyErr_Format(PyExc_ValueError, "header 'Content-Length': %R is no length", value);
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (length == DECLARED || strcasecmp(lines[2 * i], "Content-Length"))
            put_header(r, lines[2 * i], lines[2 * i + 1]);
    if (length == WHOLE)
        ap_set_content_length(r, PyBytes_GET_SIZE(self->whole));
    self->has_put_headers = 1;
    r->status = self->status;
    return 0;
}

void hdpy_request_ask(PyObject *request)
{
    ((Request *)request)->is_asked = 1;
}

/* They go with whatever answer the request gets. */
int hdpy_request_put_answer(PyObject *request)
{
    Request *self = (Request *)request;
    const hdpy_headers *headers = (const hdpy_headers *)self->headers_out;

    for (Py_ssize_t i = 0; headers && i < headers->count; i++) {
        PyObject *name = headers->fields[i].name;
        const char *name_bytes = header_bytes(self, name, name);
        const char *value = name_bytes ? header_bytes(self, name, headers->fields[i].value) : NULL;

        if (!value)
            return -1;
        apr_table_add(strcasecmp(name_bytes, "Location") ? self->r->err_headers_out
                                                         : self->r->headers_out,
                      name_bytes, value);
    }
    return 0;
}

static PyObject *get_environment(Request *self, void *unused)
{
    const apr_array_header_t *entries;
    PyObject *found;

    if (!is_free(self))
        return NULL;
    entries = apr_table_elts(hdpy_environment(self->r));
    found = PyDict_New();
    for (int i = 0; found && i < entries->nelts; i++) {
        const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts + i;
        int is_path = !strcmp(entry->key, "DOCUMENT_ROOT")
                   || !strcmp(entry->key, "SCRIPT_FILENAME");
        PyObject *value = is_path ? PyUnicode_DecodeFSDefault(entry->val)
                                  : latin1_str(entry->val);

        if (!value || PyDict_SetItemString(found, entry->key, value) < 0)
            Py_CLEAR(found);
        Py_XDECREF(value);
    }
    return found;
}

/* ---- the body ------------------------------------------------------------------------------ */

#define BEGIN_WAIT(self)                                                                          \
    (self)->is_busy = is_own_thread(self);                                                        \
    Py_BEGIN_ALLOW_THREADS
#define END_WAIT(self)                                                                            \
    Py_END_ALLOW_THREADS                                                                          \
    (self)->is_busy = 0;

/* Raise what became of reading. */
static void set_read_error(Request *self, apr_status_t status)
{
    char reason[200] = "Apache has refused it";
    PyObject *error;

    if (status == AP_FILTER_ERROR)
        hdpy_answer_leave(self->answer);
    else
        apr_strerror(status, reason, sizeof(reason));
    error = PyObject_CallFunction(self->interpreter->read_error, "is",
                                  ap_map_http_request_error(status, HTTP_BAD_REQUEST), reason);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
}

/* Up to `size` bytes at the end of *result, at `length`, which is large enough for them. */
static int read_into(Request *self, PyObject *result, Py_ssize_t length, Py_ssize_t size,
                     Py_ssize_t *found)
{
    apr_size_t read;
    apr_status_t status;

    BEGIN_WAIT(self)
    status = hdpy_body_read(&self->body, PyBytes_AS_STRING(result) + length, (apr_size_t)size,
                            &read);
    END_WAIT(self)
    *found = (Py_ssize_t)read;
    if (status != APR_SUCCESS)
        set_read_error(self, status);
    return status == APR_SUCCESS ? 0 : -1;
}

static PyObject *request_read(Request *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t size = -1, length = 0, room, found;
    PyObject *result;

    if (!is_own(self))
        return NULL;
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "read() takes the number of bytes, or nothing");
        return NULL;
    }
    if (count == 1 && args[0] != Py_None) {
        size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (size == -1 && PyErr_Occurred())
            return NULL;
    }
    /* not more at once than has arrived so far: a client's word, or a handler's, is no reason for
     * a gigabyte of memory */
    room = size >= 0 && size < SMALL ? size : SMALL;
    result = PyBytes_FromStringAndSize(NULL, room);
    while (result) {
        if (read_into(self, result, length, room - length, &found) < 0) {
            Py_DECREF(result);
            return NULL;
        }
        length += found;
        if (length < room || room == size)
            break;
        room = size >= 0 && size - room < room ? size : 2 * room;
        _PyBytes_Resize(&result, room);
    }
    if (result && length < room)
        _PyBytes_Resize(&result, length);
    return result;
}

static PyObject *read_line(Request *self, Py_ssize_t limit)
{
    PyObject *line = PyBytes_FromStringAndSize(NULL, 0);
    int is_whole = 0;

    while (line && !is_whole && (limit < 0 || PyBytes_GET_SIZE(line) < limit)) {
        const char *data, *end;
        apr_size_t length;
        apr_status_t status;
        PyObject *piece;

        BEGIN_WAIT(self)
        status = hdpy_body_peek(&self->body, &data, &length);
        END_WAIT(self)
        if (status != APR_SUCCESS) {
            set_read_error(self, status);
            Py_CLEAR(line);
            break;
        }
        if (!length)
            break;
        if (limit >= 0 && (Py_ssize_t)length > limit - PyBytes_GET_SIZE(line))
            length = (apr_size_t)(limit - PyBytes_GET_SIZE(line));
        end = memchr(data, '\n', length);
        if (end) {
            length = (apr_size_t)(end - data) + 1;
            is_whole = 1;
        }
        piece = PyBytes_FromStringAndSize(data, (Py_ssize_t)length);
        if (piece)
            hdpy_body_take(&self->body, length);
        PyBytes_ConcatAndDel(&line, piece);
    }
    return line;
}

static PyObject *request_readline(Request *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t limit = -1;

    if (!is_own(self))
        return NULL;
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "readline() takes the most bytes to read, or nothing");
        return NULL;
    }
    if (count == 1 && args[0] != Py_None) {
        limit = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (limit == -1 && PyErr_Occurred())
            return NULL;
    }
    return read_line(self, limit);
}

static PyObject *request_iternext(Request *self)
{
    PyObject *line = is_own(self) ? read_line(self, -1) : NULL;

    if (line && !PyBytes_GET_SIZE(line))
        Py_CLEAR(line); /* the end, without an exception */
    return line;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Raise what became of writing. */
static PyObject *write_result(Request *self, apr_status_t status)
{
    char reason[200];
    PyObject *error;

    if (status == APR_SUCCESS)
        Py_RETURN_NONE;
    apr_strerror(status, reason, sizeof(reason));
    error = PyObject_CallFunction(self->interpreter->write_error, "s", reason);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return NULL;
}

static int refuse_if_asked(const Request *self)
{
    if (!self->is_asked)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "an AuthHandler decides and does not answer: return "
                                        "REQ_NOACTION or REQ_ABORTED, with a status and headers");
    return -1;
}

/* Whether there is an answer to write. */
static int is_answering(Request *self)
{
    return is_own(self) && refuse_if_asked(self) == 0;
}

static PyObject *send_bytes(Request *self, const char *data, Py_ssize_t length)
{
    apr_status_t status;

    BEGIN_WAIT(self)
    status = hdpy_answer_write(self->answer, data, (apr_size_t)length);
    END_WAIT(self)
    return write_result(self, status);
}

/* Begin the answer, if it has not begun: with the whole body, where something comes after it yet. */
static int start(Request *self)
{
    PyObject *whole = self->whole, *result = NULL;

    if (self->is_started)
        return 0;
    if (put_headers(self, DECLARED) < 0)
        return -1;
    self->whole = NULL;
    self->document = self->redirect = NULL;
    self->is_started = 1;
    hdpy_answer_begin(self->answer);
    if (!whole)
        return 0;
    result = send_bytes(self, PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole));
    Py_DECREF(whole);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *request_write(Request *self, PyObject *data)
{
    Py_buffer bytes;
    PyObject *result;

    if (!is_answering(self) || PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) < 0)
        return NULL;
    if (start(self) < 0)
        result = NULL;
    else
        result = bytes.len ? send_bytes(self, bytes.buf, bytes.len) : Py_NewRef(Py_None);
    PyBuffer_Release(&bytes);
    return result;
}

TAKING_METHOD(request_write)

/* Put bytes into the outbox, or send them at once with what waits before them. */
static apr_status_t put_or_send(Request *self, const char *data, Py_ssize_t length, int at_once)
{
    apr_status_t status;

    hdpy_outbox_rewind(self->outbox);
    if (!at_once && hdpy_outbox_put(self->outbox, data, (apr_size_t)length))
        return APR_SUCCESS;
    if (self->outbox->status != APR_SUCCESS)
        return self->outbox->status;
    BEGIN_WAIT(self)
    status = hdpy_answer_write(self->answer, data, (apr_size_t)length);
    END_WAIT(self)
    return status;
}

/* See write_soon() in handlers/request.py; at_once: but send.  Bytes of one call stay together, and
 * so do those of several between which no other Python code runs, a line of print() for one. */
static int write_soon(Request *self, const char *data, Py_ssize_t length, int at_once)
{
    PyObject *result = NULL;

    while (!take(self)) {
        if (!is_live(self))
            return -1;
        wait_a_moment();
    }
    if (refuse_if_asked(self) == 0) {
        if (!self->outbox)
            self->outbox = hdpy_answer_outbox(self->answer);
        if (start(self) == 0)
            result = write_result(self, put_or_send(self, data, length, at_once));
    }
    give(self);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *request_write_soon(Request *self, PyObject *data)
{
    Py_buffer bytes;
    int failed;

    if (!is_live(self) || PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) < 0)
        return NULL;
    failed = bytes.len && write_soon(self, bytes.buf, bytes.len, 0) < 0;
    PyBuffer_Release(&bytes);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *request_flush(Request *self, PyObject *unused)
{
    return is_answering(self) && start(self) == 0 ? send_bytes(self, "", 0) : NULL;
}

static PyObject *request_finish(Request *self, PyObject *body)
{
    if (!is_answering(self))
        return NULL;
    if (self->is_started) /* with what waits, where something does */
        return self->outbox ? request_write_soon(self, body) : request_write(self, body);
    body = PyBytes_CheckExact(body) ? Py_NewRef(body) : PyBytes_FromObject(body);
    if (!body)
        return NULL;
    Py_XSETREF(self->whole, body);
    Py_RETURN_NONE;
}

static PyObject *request_begin(Request *self, PyObject *unused)
{
    Py_ssize_t length = self->whole ? PyBytes_GET_SIZE(self->whole) : 0;

    if (!is_answering(self))
        return NULL;
    if (self->is_started)
        Py_RETURN_NONE;
    if (put_headers(self, !length || self->document || self->redirect ? DECLARED
                          : length > SMALL                            ? WHOLE
                                                                      : COUNTED) < 0)
        return NULL;
    self->is_started = 1;
    if (self->redirect) {
        hdpy_answer_use_redirect(self->answer, self->redirect);
        Py_RETURN_NONE;
    }
    if (self->document) {
        hdpy_answer_use_document(self->answer, self->document);
        Py_RETURN_NONE;
    }
    hdpy_answer_begin(self->answer);
    if (length > SMALL)
        return send_bytes(self, PyBytes_AS_STRING(self->whole), length);
    if (length)
        hdpy_answer_keep(self->answer, PyBytes_AS_STRING(self->whole), (apr_size_t)length);
    Py_RETURN_NONE;
}

/* Open a file, and see that it is one: 0, or an errno. */
static int open_file(Request *self, const char *path, apr_file_t **file, apr_off_t *size)
{
    const core_dir_config *core = ap_get_core_module_config(self->r->per_dir_config);
    apr_int32_t flags = APR_READ | APR_BINARY
                      | (core->enable_sendfile == ENABLE_SENDFILE_OFF ? 0 : APR_SENDFILE_ENABLED);
    apr_finfo_t found;
    apr_status_t status = apr_stat(&found, path, APR_FINFO_TYPE | APR_FINFO_SIZE, self->r->pool);

    if (status == APR_SUCCESS)
        status = found.filetype == APR_REG ? apr_file_open(file, path, flags, 0, self->r->pool)
               : found.filetype == APR_DIR ? EISDIR : EINVAL;
    *size = found.size;
    return status;
}

static PyObject *request_sendfile(Request *self, PyObject *args)
{
    PyObject *path, *result = NULL;
    long long offset = 0, size = -1;
    apr_file_t *file;
    apr_off_t all;
    apr_status_t status;

    if (!is_answering(self) || !PyArg_ParseTuple(args, "O&|LL:sendfile", PyUnicode_FSConverter, &path,
                                           &offset, &size))
        return NULL;
    BEGIN_WAIT(self)
    status = open_file(self, PyBytes_AS_STRING(path), &file, &all);
    END_WAIT(self)
    if (status != APR_SUCCESS) {
        errno = status;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
        goto end;
    }
    if (offset < 0 || offset > all || size > all - offset) {
        PyErr_Format(PyExc_ValueError, "sendfile: %lld bytes from %lld on, of a file of %lld bytes",
                     size, offset, (long long)all);
        goto end;
    }
    if (size < 0)
        size = all - offset;
    if (!self->is_started) {
        PyObject *headers = get_headers_out(self, NULL);
        PyObject *length = headers ? PyUnicode_FromFormat("%lld", size) : NULL;
        int failed = !length || (!PyMapping_HasKeyString(headers, "Content-Length")
                                 && PyMapping_SetItemString(headers, "Content-Length", length) < 0);

        Py_XDECREF(length);
        Py_XDECREF(headers);
        if (failed || start(self) < 0)
            goto end;
    }
    BEGIN_WAIT(self)
    status = hdpy_answer_write_file(self->answer, file, offset, size);
    END_WAIT(self)
    result = write_result(self, status);
end:
    Py_DECREF(path);
    return result;
}

static PyObject *request_apache_document(Request *self, PyObject *args)
{
    int status;
    PyObject *reason, *bytes;

    if (!is_own(self) || !PyArg_ParseTuple(args, "iU:apache_document", &status, &reason))
        return NULL;
    /* paths of URLs are in it, which are any bytes */
    bytes = PyUnicode_AsEncodedString(reason, "utf-8", "backslashreplace");
    if (!bytes)
        return NULL;
    self->status = status;
    self->document = apr_pstrdup(self->r->pool, PyBytes_AS_STRING(bytes));
    self->redirect = NULL;
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

static PyObject *request_redirect(Request *self, PyObject *location)
{
    PyObject *bytes = is_answering(self) ? PyUnicode_AsLatin1String(location) : NULL;

    if (!bytes)
        return NULL;
    self->redirect = apr_pstrdup(self->r->pool, PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

static PyObject *request_cut_short(Request *self, PyObject *args)
{
    if (!is_own(self))
        return NULL;
    if (!hdpy_answer_has_sent(self->answer)) {
        self->is_started = 0;
        return request_apache_document(self, args);
    }
    hdpy_answer_cut_short(self->answer);
    Py_RETURN_NONE;
}

static PyObject *request_watch(Request *self, PyObject *files)
{
    const char *text = is_live(self) ? PyUnicode_AsUTF8(files) : NULL;

    if (!text)
        return NULL;
    hdpy_watch_set(self->target->watch_key, text);
    Py_RETURN_NONE;
}

/* ---- the log ------------------------------------------------------------------------------- */

/* Line by line, each with the script's name in front, as mod_wsgi does it. */
static PyObject *request_log(Request *self, PyObject *message)
{
    PyThreadState *state = NULL;
    PyObject *bytes;
    const char *line, *end;

    if (!is_free(self))
        return NULL;
    if (!PyUnicode_Check(message)) {
        PyErr_Format(PyExc_TypeError, "a message for the log is a str, not %R", message);
        return NULL;
    }
    bytes = PyUnicode_AsEncodedString(message, "utf-8", "backslashreplace");
    if (!bytes)
        return NULL;
    line = PyBytes_AS_STRING(bytes);
    end = line + PyBytes_GET_SIZE(bytes);
    self->is_busy = is_own_thread(self);
    if (self->is_busy)
        state = PyEval_SaveThread(); /* another thread's would not keep the request alive */
    while (line < end) {
        const char *stop = line;

        while (stop < end && *stop != '\n' && *stop && stop - line < LOG_LINE_MAX)
            stop++;
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, self->r, "[script %s] %.*s", self->r->filename,
                      (int)(stop - line), line);
        line = stop < end && (*stop == '\n' || !*stop) ? stop + 1 : stop;
    }
    if (state)
        PyEval_RestoreThread(state);
    self->is_busy = 0;
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

/* ---- the class ----------------------------------------------------------------------------- */

#define FIELD(name) (void *)offsetof(request_rec, name)

TAKING_GETTER(get_path)
TAKING_GETTER(get_unparsed_uri)
TAKING_GETTER(get_server_name)
TAKING_GETTER(get_headers_in)
TAKING_GETTER(get_environment)
TAKING_FASTCALL(request_read)
TAKING_FASTCALL(request_readline)
TAKING(request_iternext, (Request *self), self)
TAKING_METHOD(request_flush)
TAKING_METHOD(request_sendfile)
TAKING_METHOD(request_apache_document)
TAKING_METHOD(request_redirect)
TAKING_METHOD(request_log)

/* interpreters/served.py and handlers/request.py say what they are. */
static PyGetSetDef attributes[] = {
    {"method", (getter)get_text, NULL, NULL, FIELD(method)},
    {"protocol", (getter)get_text, NULL, NULL, FIELD(protocol)},
    {"args", (getter)get_text, NULL, NULL, FIELD(args)},
    {"remote_addr", (getter)get_text, NULL, NULL, FIELD(useragent_ip)},
    {"uri", (getter)taking_get_path, NULL, NULL, FIELD(uri)},
    {"path_info", (getter)taking_get_path, NULL, NULL, FIELD(path_info)},
    {"unparsed_uri", (getter)taking_get_unparsed_uri, NULL, NULL, NULL},
    {"filename", (getter)get_filename, NULL, NULL, NULL},
    {"file_type", (getter)get_file_type, NULL, NULL, NULL},
    {"user", (getter)get_user, (setter)set_user, NULL, NULL},
    {"interpreter", (getter)get_interpreter, NULL, NULL, NULL},
    {"local_addr", (getter)get_local_addr, NULL, NULL, NULL},
    {"local_port", (getter)get_local_port, NULL, NULL, NULL},
    {"remote_port", (getter)get_remote_port, NULL, NULL, NULL},
    {"server_name", (getter)taking_get_server_name, NULL, NULL, NULL},
    {"server_port", (getter)get_server_port, NULL, NULL, NULL},
    {"scheme", (getter)get_scheme, NULL, NULL, NULL},
    {"headers_in", (getter)taking_get_headers_in, NULL, NULL, NULL},
    {"headers_out", (getter)get_headers_out, NULL, NULL, NULL},
    {"status", (getter)get_status, (setter)set_status, NULL, NULL},
    {"started", (getter)get_started, NULL, NULL, NULL},
    {"lacks_document", (getter)get_lacks_document, NULL, NULL, NULL},
    {"environment", (getter)taking_get_environment, NULL, NULL, NULL},
    {"settings", (getter)get_settings, NULL, NULL, NULL},
    {"place", (getter)get_place, NULL, NULL, NULL},
    {"looked", (getter)get_looked, NULL, NULL, NULL},
    {NULL}
};

static PyMethodDef methods[] = {
    {"read", (PyCFunction)(void (*)(void))taking_request_read, METH_FASTCALL, NULL},
    {"readline", (PyCFunction)(void (*)(void))taking_request_readline, METH_FASTCALL, NULL},
    {"write", (PyCFunction)taking_request_write, METH_O, NULL},
    {"write_soon", (PyCFunction)request_write_soon, METH_O, NULL},
    {"flush", (PyCFunction)taking_request_flush, METH_NOARGS, NULL},
    {"sendfile", (PyCFunction)taking_request_sendfile, METH_VARARGS, NULL},
    {"finish", (PyCFunction)request_finish, METH_O, NULL},
    {"begin", (PyCFunction)request_begin, METH_NOARGS, NULL},
    {"apache_document", (PyCFunction)taking_request_apache_document, METH_VARARGS, NULL},
    {"redirect", (PyCFunction)taking_request_redirect, METH_O, NULL},
    {"cut_short", (PyCFunction)request_cut_short, METH_VARARGS, NULL},
    {"watch", (PyCFunction)request_watch, METH_O, NULL},
    {"log", (PyCFunction)taking_request_log, METH_O, NULL},
    {NULL}
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A request that Apache gave to Python directly."},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_getset, attributes},
    {Py_tp_methods, methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, taking_request_iternext},
    {0, NULL}
};

int hdpy_request_check(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == (destructor)request_dealloc
        || PyType_GetSlot(Py_TYPE(object), Py_tp_iternext) == (void *)taking_request_iternext;
}

int hdpy_request_write_soon(PyObject *request, const char *data, Py_ssize_t length)
{
    return length ? write_soon((Request *)request, data, length, 0) : 0;
}

hdpy_outbox *hdpy_request_outbox(PyObject *request)
{
    const Request *self = (const Request *)request;

    return self->r && !self->taken && !is_fork ? self->outbox : NULL;
}

int hdpy_request_send_waiting(PyObject *request)
{
    Request *self = (Request *)request;

    return self->r && self->outbox && !is_fork ? write_soon(self, "", 0, 1) : 0;
}

PyType_Spec hdpy_request_spec = {
    .name = "httpdapy._link.Request",
    .basicsize = sizeof(Request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
