/* Reading the body of a request. */
#include "request_state.h"

#include "http_protocol.h"

#include <string.h>

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

    if (!hdpy_is_own(self))
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

    if (!hdpy_is_own(self))
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
    PyObject *line = hdpy_is_own(self) ? read_line(self, -1) : NULL;

    if (line && !PyBytes_GET_SIZE(line))
        Py_CLEAR(line); /* the end, without an exception */
    return line;
}

TAKING_FASTCALL(request_read)
TAKING_FASTCALL(request_readline)
TAKING(request_iternext, (Request *self), self)

PyObject *hdpy_request_next(Request *self)
{
    return taking_request_iternext(self);
}

PyMethodDef hdpy_request_reading[] = {
    {"read", (PyCFunction)(void (*)(void))taking_request_read, METH_FASTCALL, NULL},
    {"readline", (PyCFunction)(void (*)(void))taking_request_readline, METH_FASTCALL, NULL},
    {NULL}
};
