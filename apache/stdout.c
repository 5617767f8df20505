/* The Python classes _link.Stdout and _link.Writer: those of handlers/stdout.py in C, for requests that
 * come directly.
 *
 * print() looks up `write` and calls it, for its text and once more for the end of the line.  In
 * Python that takes twice as long as all else that a page of a hundred lines takes (2026-11).
 */
#include "stdout.h"

#include "request.h"

/* ---- Writer -------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *request;
    PyObject *begin;  /* see stdout.File.encoder(); NULL: it was called */
    PyObject *encode; /* text -> bytes; NULL: UTF-8 */
    Py_ssize_t written; /* characters, and bytes */
} Writer;

/* Writer(request, begin) */
static PyObject *writer_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *request, *begin;
    Writer *self;

    if (!PyArg_ParseTuple(args, "OO:Writer", &request, &begin))
        return NULL;
    if (!hdpy_request_check(request)) {
        PyErr_Format(PyExc_TypeError, "a Writer is for a request, not for %R", request);
        return NULL;
    }
    self = (Writer *)type->tp_alloc(type, 0);
    if (self) {
        self->request = Py_NewRef(request);
        self->begin = Py_NewRef(begin);
    }
    return (PyObject *)self;
}

static int writer_traverse(Writer *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->request);
    Py_VISIT(self->begin);
    Py_VISIT(self->encode);
    return 0;
}

static int writer_clear(Writer *self)
{
    Py_CLEAR(self->begin);
    Py_CLEAR(self->encode);
    return 0;
}

static void writer_dealloc(Writer *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->request);
    Py_XDECREF(self->begin);
    Py_XDECREF(self->encode);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Begin the answer, the first time: encoder() is the subclass's. */
static int begin_answer(Writer *self)
{
    PyObject *encode;

    if (!self->begin)
        return 0;
    encode = PyObject_CallMethod((PyObject *)self, "encoder", "O", self->begin);
    if (!encode)
        return -1;
    if (encode == Py_None)
        Py_CLEAR(encode);
    Py_XSETREF(self->encode, encode);
    Py_CLEAR(self->begin); /* the handler is not to live as long as this does */
    return 0;
}

static PyObject *write_encoded(Writer *self, PyObject *bytes, Py_ssize_t length)
{
    PyObject *result = NULL;
    char *data;
    Py_ssize_t size;

    if (bytes && PyBytes_AsStringAndSize(bytes, &data, &size) == 0
        && hdpy_request_write_soon(self->request, data, size) == 0) {
        self->written += length;
        result = PyLong_FromSsize_t(length);
    }
    Py_XDECREF(bytes);
    return result;
}

static PyObject *writer_write(Writer *self, PyObject *text)
{
    Py_ssize_t length, size;
    const char *data;
    hdpy_outbox *outbox;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "what is printed is str, not %R; bytes go to "
                                      "sys.stdout.buffer", text);
        return NULL;
    }
    length = PyUnicode_GET_LENGTH(text);
    if (!length)
        return PyLong_FromLong(0);
    if (begin_answer(self) < 0)
        return NULL;
    if (self->encode)
        return write_encoded(self, PyObject_CallOneArg(self->encode, text), length);
    if (PyUnicode_IS_ASCII(text)) { /* as PyUnicode_AsUTF8AndSize() does it, without the call */
        data = PyUnicode_DATA(text);
        size = length;
    } else {
        data = PyUnicode_AsUTF8AndSize(text, &size);
        if (!data)
            return NULL;
    }
    outbox = hdpy_request_outbox(self->request);
    if (!(outbox && hdpy_outbox_put(outbox, data, (apr_size_t)size))
        && hdpy_request_write_soon(self->request, data, size) < 0)
        return NULL;
    self->written += length;
    return PyLong_FromSsize_t(length);
}

static PyObject *writer_write_bytes(Writer *self, PyObject *data)
{
    PyObject *bytes = PyBytes_FromObject(data);

    if (!bytes || !PyBytes_GET_SIZE(bytes)) {
        Py_XDECREF(bytes);
        return bytes ? PyLong_FromLong(0) : NULL;
    }
    if (begin_answer(self) < 0) {
        Py_DECREF(bytes);
        return NULL;
    }
    return write_encoded(self, bytes, PyBytes_GET_SIZE(bytes));
}

static PyObject *writer_flush(Writer *self, PyObject *unused)
{
    return hdpy_request_send_waiting(self->request) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *writer_tell(Writer *self, PyObject *unused)
{
    return PyLong_FromSsize_t(self->written);
}

static PyObject *writer_closed(Writer *self, void *unused)
{
    return PyBool_FromLong(hdpy_request_is_over(self->request));
}

static PyMethodDef writer_methods[] = {
    {"write", (PyCFunction)writer_write, METH_O, NULL},
    {"write_bytes", (PyCFunction)writer_write_bytes, METH_O, NULL},
    {"flush", (PyCFunction)writer_flush, METH_NOARGS, NULL},
    {"tell", (PyCFunction)writer_tell, METH_NOARGS, NULL},
    {NULL}
};

static PyGetSetDef writer_attributes[] = {
    {"closed", (getter)writer_closed, NULL, NULL, NULL},
    {NULL}
};

static PyType_Slot writer_slots[] = {
    {Py_tp_doc, "A stream for text to a client; see httpdapy.handlers.stdout."},
    {Py_tp_new, writer_new},
    {Py_tp_traverse, writer_traverse},
    {Py_tp_clear, writer_clear},
    {Py_tp_dealloc, writer_dealloc},
    {Py_tp_methods, writer_methods},
    {Py_tp_getset, writer_attributes},
    {0, NULL}
};

PyType_Spec hdpy_writer_spec = {
    .name = "httpdapy._link.Writer",
    .basicsize = sizeof(Writer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = writer_slots,
};

/* ---- Stdout -------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *server;       /* the stream of before */
    PyObject *current;      /* stdout.current, a context variable */
    PyObject *writer;       /* the class of most streams in there */
    PyObject *write_name;   /* "write" as print() has it */
    PyObject *write_method; /* self.write, which print() would have made anew twice for each line */
} Stdout;

static PyObject *stdout_write(Stdout *self, PyObject *text);

static PyMethodDef write_definition = {"write", (PyCFunction)stdout_write, METH_O, NULL};

/* Stdout(server, current, writer) */
static PyObject *stdout_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *server, *current, *writer;
    Stdout *self;

    if (!PyArg_ParseTuple(args, "OOO:Stdout", &server, &current, &writer))
        return NULL;
    self = (Stdout *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->server = Py_NewRef(server);
    self->current = Py_NewRef(current);
    self->writer = Py_NewRef(writer);
    self->write_name = PyUnicode_InternFromString("write");
    self->write_method = PyCFunction_New(&write_definition, (PyObject *)self);
    if (!self->write_name || !self->write_method)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int stdout_traverse(Stdout *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->server);
    Py_VISIT(self->current);
    Py_VISIT(self->writer);
    Py_VISIT(self->write_method);
    return 0;
}

static int stdout_clear(Stdout *self)
{
    Py_CLEAR(self->server);
    Py_CLEAR(self->current);
    Py_CLEAR(self->writer);
    Py_CLEAR(self->write_method);
    return 0;
}

static void stdout_dealloc(Stdout *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    stdout_clear(self);
    Py_XDECREF(self->write_name);
    type->tp_free(self);
    Py_DECREF(type);
}

/* 1, 0, or -1 with an exception. */
static int is_closed(PyObject *stream)
{
    PyObject *closed = PyObject_GetAttrString(stream, "closed");
    int truth = closed ? PyObject_IsTrue(closed) : -1;

    Py_XDECREF(closed);
    return truth;
}

/* The stream of the code that runs: a new reference. */
static PyObject *stream_of(const Stdout *self)
{
    PyObject *stream = NULL;
    int closed;

    if (PyContextVar_Get(self->current, Py_None, &stream) < 0)
        return NULL;
    closed = stream == Py_None || is_closed(stream);
    if (closed < 0)
        Py_CLEAR(stream);
    else if (closed)
        Py_SETREF(stream, Py_NewRef(self->server));
    return stream;
}

static PyObject *stdout_write(Stdout *self, PyObject *text)
{
    PyObject *stream = NULL, *result;

    if (PyContextVar_Get(self->current, Py_None, &stream) < 0)
        return NULL;
    if ((PyObject *)Py_TYPE(stream) == self->writer
        && !hdpy_request_is_over(((Writer *)stream)->request)) {
        result = writer_write((Writer *)stream, text);
    } else {
        Py_DECREF(stream);
        stream = stream_of(self);
        result = stream ? PyObject_CallMethodOneArg(stream, self->write_name, text) : NULL;
    }
    Py_XDECREF(stream);
    return result;
}

static PyObject *stdout_getattro(Stdout *self, PyObject *name)
{
    PyObject *found, *stream;

    if (name == self->write_name)
        return Py_NewRef(self->write_method);
    found = PyObject_GenericGetAttr((PyObject *)self, name);
    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    stream = stream_of(self);
    if (stream)
        found = PyObject_GetAttr(stream, name);
    Py_XDECREF(stream);
    return found;
}

static PyObject *stdout_server(Stdout *self, void *unused)
{
    return Py_NewRef(self->server);
}

static PyMethodDef stdout_methods[] = {
    {"write", (PyCFunction)stdout_write, METH_O, NULL},
    {NULL}
};

static PyGetSetDef stdout_attributes[] = {
    {"server", (getter)stdout_server, NULL, NULL, NULL},
    {NULL}
};

static PyType_Slot stdout_slots[] = {
    {Py_tp_doc, "sys.stdout of an interpreter; see httpdapy.handlers.stdout."},
    {Py_tp_new, stdout_new},
    {Py_tp_traverse, stdout_traverse},
    {Py_tp_clear, stdout_clear},
    {Py_tp_dealloc, stdout_dealloc},
    {Py_tp_getattro, stdout_getattro},
    {Py_tp_methods, stdout_methods},
    {Py_tp_getset, stdout_attributes},
    {0, NULL}
};

PyType_Spec hdpy_stdout_spec = {
    .name = "httpdapy._link.Stdout",
    .basicsize = sizeof(Stdout),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = stdout_slots,
};
