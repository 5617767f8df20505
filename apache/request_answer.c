/* Writing the answer to a request, and lines of the error log. */
#include "request_state.h"

#include "http_core.h"
#include "http_log.h"
#include "apr_strings.h"

#include <errno.h>
#include <string.h>

#include "watch.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define LOG_LINE_MAX 4000 /* bytes; Apache cuts a line of the log, with all that precedes it, at 8192 */

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
    return hdpy_is_own(self) && refuse_if_asked(self) == 0;
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
    if (hdpy_put_headers(self, DECLARED) < 0)
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

    while (!hdpy_take(self)) {
        if (!hdpy_is_live(self))
            return -1;
        hdpy_wait_a_moment();
    }
    if (refuse_if_asked(self) == 0) {
        if (!self->outbox)
            self->outbox = hdpy_answer_outbox(self->answer);
        if (start(self) == 0)
            result = write_result(self, put_or_send(self, data, length, at_once));
    }
    hdpy_give(self);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *request_write_soon(Request *self, PyObject *data)
{
    Py_buffer bytes;
    int failed;

    if (!hdpy_is_live(self) || PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) < 0)
        return NULL;
    failed = bytes.len && write_soon(self, bytes.buf, bytes.len, 0) < 0;
    PyBuffer_Release(&bytes);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *request_flush(Request *self, PyObject *unused)
{
    return is_answering(self) && start(self) == 0 ? send_bytes(self, "", 0) : NULL;
}

PyObject *hdpy_request_finish(Request *self, PyObject *body)
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

int hdpy_request_begin(PyObject *request)
{
    Request *self = (Request *)request;
    Py_ssize_t length = self->whole ? PyBytes_GET_SIZE(self->whole) : 0;
    PyObject *sent;

    if (!is_answering(self))
        return -1;
    if (self->is_started)
        return 0;
    if (hdpy_put_headers(self, !length || self->document || self->redirect ? DECLARED
                          : length > SMALL                            ? WHOLE
                                                                      : COUNTED) < 0)
        return -1;
    self->is_started = 1;
    if (self->redirect) {
        hdpy_answer_use_redirect(self->answer, self->redirect);
        return 0;
    }
    if (self->document) {
        hdpy_answer_use_document(self->answer, self->document);
        return 0;
    }
    hdpy_answer_begin(self->answer);
    if (length <= SMALL) {
        if (length)
            hdpy_answer_keep(self->answer, PyBytes_AS_STRING(self->whole), (apr_size_t)length);
        return 0;
    }
    sent = send_bytes(self, PyBytes_AS_STRING(self->whole), length);
    Py_XDECREF(sent);
    return sent ? 0 : -1;
}

static PyObject *request_begin(PyObject *self, PyObject *unused)
{
    return hdpy_request_begin(self) == 0 ? Py_NewRef(Py_None) : NULL;
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
        PyObject *headers = hdpy_headers_out(self, NULL);
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

    if (!hdpy_is_own(self) || !PyArg_ParseTuple(args, "iU:apache_document", &status, &reason))
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
    if (!hdpy_is_own(self))
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
    const char *text = hdpy_is_live(self) ? PyUnicode_AsUTF8(files) : NULL;

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

    if (!hdpy_is_free(self))
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
    self->is_busy = hdpy_is_own_thread(self);
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

TAKING_METHOD(request_flush)
TAKING_METHOD(request_sendfile)
TAKING_METHOD(request_apache_document)
TAKING_METHOD(request_redirect)
TAKING_METHOD(request_log)

PyMethodDef hdpy_request_answering[] = {
    {"write", (PyCFunction)taking_request_write, METH_O, NULL},
    {"write_soon", (PyCFunction)request_write_soon, METH_O, NULL},
    {"flush", (PyCFunction)taking_request_flush, METH_NOARGS, NULL},
    {"sendfile", (PyCFunction)taking_request_sendfile, METH_VARARGS, NULL},
    {"finish", (PyCFunction)hdpy_request_finish, METH_O, NULL},
    {"begin", (PyCFunction)request_begin, METH_NOARGS, NULL},
    {"apache_document", (PyCFunction)taking_request_apache_document, METH_VARARGS, NULL},
    {"redirect", (PyCFunction)taking_request_redirect, METH_O, NULL},
    {"cut_short", (PyCFunction)request_cut_short, METH_VARARGS, NULL},
    {"watch", (PyCFunction)request_watch, METH_O, NULL},
    {"log", (PyCFunction)taking_request_log, METH_O, NULL},
    {NULL}
};

int hdpy_request_write_soon(PyObject *request, const char *data, Py_ssize_t length)
{
    return length ? write_soon((Request *)request, data, length, 0) : 0;
}

int hdpy_request_send_waiting(PyObject *request)
{
    Request *self = (Request *)request;

    return !hdpy_request_is_over(request) && self->outbox ? write_soon(self, "", 0, 1) : 0;
}
