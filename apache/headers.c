/* The Python class _link.Headers: handlers/headers.py in C, for requests that come directly.
 *
 * Setting and reading two headers in Python takes a quarter of what hello world takes there
 * (2026-11).  The methods of a mapping that are missing here come from collections.abc.
 */
#include "headers.h"

#include <string.h>

static void headers_clear(hdpy_headers *self)
{
    Py_ssize_t count = self->count;

    self->count = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(self->fields[i].name);
        Py_DECREF(self->fields[i].value);
    }
}

static PyObject *headers_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    hdpy_headers *self = (hdpy_headers *)type->tp_alloc(type, 0);

    if (self) {
        self->fields = self->first;
        self->room = sizeof(self->first) / sizeof(*self->first);
    }
    return (PyObject *)self;
}

static void headers_dealloc(hdpy_headers *self)
{
    PyTypeObject *type = Py_TYPE(self);

    headers_clear(self);
    if (self->fields != self->first)
        PyMem_Free(self->fields);
    type->tp_free(self);
    Py_DECREF(type);
}

static int is_same_name(PyObject *a, PyObject *b)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(a);

    if (a == b)
        return 1;
    if (length != PyUnicode_GET_LENGTH(b))
        return 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 x = PyUnicode_READ_CHAR(a, i), y = PyUnicode_READ_CHAR(b, i);

        if (x != y && Py_UNICODE_TOLOWER(x) != Py_UNICODE_TOLOWER(y))
            return 0;
    }
    return 1;
}

/* Place of the first field of that name, and in *end of what comes after the last; -1: none. */
static Py_ssize_t find(const hdpy_headers *self, PyObject *name, Py_ssize_t *end)
{
    for (Py_ssize_t i = 0; i < self->count; i++)
        if (is_same_name(self->fields[i].name, name)) {
            *end = i + 1;
            while (*end < self->count && is_same_name(self->fields[*end].name, name))
                ++*end;
            return i;
        }
    return -1;
}

/* Make room for a field at `at`. */
static int insert(hdpy_headers *self, Py_ssize_t at)
{
    if (self->count == self->room) {
        Py_ssize_t room = 2 * self->room;
        hdpy_header *fields = PyMem_Calloc((size_t)room, sizeof(*fields));

        if (!fields) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(fields, self->fields, (size_t)self->count * sizeof(*fields));
        if (self->fields != self->first)
            PyMem_Free(self->fields);
        self->fields = fields;
        self->room = room;
    }
    memmove(self->fields + at + 1, self->fields + at,
            (size_t)(self->count - at) * sizeof(*self->fields));
    self->count++;
    return 0;
}

static void drop(hdpy_headers *self, Py_ssize_t start, Py_ssize_t end)
{
    for (; end > start; end--) {
        hdpy_header field = self->fields[end - 1];

        memmove(self->fields + end - 1, self->fields + end,
                (size_t)(self->count - end) * sizeof(*self->fields));
        self->count--;
        Py_DECREF(field.name);
        Py_DECREF(field.value);
    }
}

int hdpy_headers_add(hdpy_headers *self, PyObject *name, PyObject *value)
{
    Py_ssize_t end;

    if (!name || !value)
        goto failed;
    if (find(self, name, &end) < 0)
        end = self->count;
    if (insert(self, end) < 0)
        goto failed;
    self->fields[end].name = name;
    self->fields[end].value = value;
    return 0;

failed:
    Py_XDECREF(name);
    Py_XDECREF(value);
    return -1;
}

/* ---- what Python sees ---------------------------------------------------------------------- */

/* Whether a line break or NUL is in a text. */
static int has_break(PyObject *text)
{
    size_t length = (size_t)PyUnicode_GET_LENGTH(text);

    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) {
        const void *data = PyUnicode_1BYTE_DATA(text);

        return memchr(data, '\n', length) || memchr(data, '\r', length) || memchr(data, 0, length);
    }
    for (size_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, (Py_ssize_t)i);

        if (c == '\n' || c == '\r' || c == 0)
            return 1;
    }
    return 0;
}

/* Whether both are str without what would make another message of a header. */
static int check(PyObject *name, PyObject *value)
{
    PyObject *texts[] = {name, value};

    for (int n = 0; n < 2; n++) {
        if (!PyUnicode_Check(texts[n])) {
            PyErr_Format(PyExc_TypeError, "header %R: names and values are str, not %R", name,
                         texts[n]);
            return -1;
        }
        if (has_break(texts[n])) {
            PyErr_Format(PyExc_ValueError, "header %R: a line break or NUL in %R", name, texts[n]);
            return -1;
        }
    }
    return 0;
}

static PyObject *value_at(const hdpy_headers *self, Py_ssize_t start, Py_ssize_t end)
{
    PyObject *values, *joiner, *joined;

    if (end == start + 1)
        return Py_NewRef(self->fields[start].value);
    values = PyList_New(end - start);
    for (Py_ssize_t i = start; values && i < end; i++)
        PyList_SET_ITEM(values, i - start, Py_NewRef(self->fields[i].value));
    joiner = PyUnicode_FromString(", ");
    joined = values && joiner ? PyUnicode_Join(joiner, values) : NULL;
    Py_XDECREF(values);
    Py_XDECREF(joiner);
    return joined;
}

static PyObject *headers_getitem(hdpy_headers *self, PyObject *name)
{
    Py_ssize_t end, start = PyUnicode_Check(name) ? find(self, name, &end) : -1;

    if (start < 0) {
        PyErr_SetObject(PyExc_KeyError, name);
        return NULL;
    }
    return value_at(self, start, end);
}

static PyObject *headers_get(hdpy_headers *self, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t start, end;

    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "get() takes a header's name and a default");
        return NULL;
    }
    start = PyUnicode_Check(args[0]) ? find(self, args[0], &end) : -1;
    if (start < 0)
        return Py_NewRef(count == 2 ? args[1] : Py_None);
    return value_at(self, start, end);
}

static int headers_setitem(hdpy_headers *self, PyObject *name, PyObject *value)
{
    Py_ssize_t end, start;

    if (!value || value == Py_None) {
        start = PyUnicode_Check(name) ? find(self, name, &end) : -1;
        if (start < 0 && value)
            return 0;
        if (start < 0) {
            PyErr_SetObject(PyExc_KeyError, name);
            return -1;
        }
        drop(self, start, end);
        return 0;
    }
    if (check(name, value) < 0)
        return -1;
    start = find(self, name, &end);
    if (start < 0)
        return hdpy_headers_add(self, Py_NewRef(name), Py_NewRef(value));
    drop(self, start + 1, end);
    Py_SETREF(self->fields[start].name, Py_NewRef(name));
    Py_SETREF(self->fields[start].value, Py_NewRef(value));
    return 0;
}

static int headers_contains(hdpy_headers *self, PyObject *name)
{
    Py_ssize_t end;

    return PyUnicode_Check(name) && find(self, name, &end) >= 0;
}

static PyObject *headers_add(hdpy_headers *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "add() takes a header's name and value");
        return NULL;
    }
    if (check(args[0], args[1]) < 0
        || hdpy_headers_add(self, Py_NewRef(args[0]), Py_NewRef(args[1])) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *headers_fields(hdpy_headers *self, PyObject *unused)
{
    PyObject *list = PyList_New(0);

    for (Py_ssize_t i = 0; list && i < self->count; i++) {
        PyObject *pair = PyTuple_Pack(2, self->fields[i].name, self->fields[i].value);

        if (!pair || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* The names, each once. */
static PyObject *names(const hdpy_headers *self)
{
    PyObject *list = PyList_New(0);

    for (Py_ssize_t i = 0; list && i < self->count; i++)
        if (i == 0 || !is_same_name(self->fields[i].name, self->fields[i - 1].name))
            if (PyList_Append(list, self->fields[i].name) < 0)
                Py_CLEAR(list);
    return list;
}

static PyObject *headers_iter(hdpy_headers *self)
{
    PyObject *list = names(self);
    PyObject *iterator = list ? PyObject_GetIter(list) : NULL;

    Py_XDECREF(list);
    return iterator;
}

static Py_ssize_t headers_length(hdpy_headers *self)
{
    Py_ssize_t count = 0;

    for (Py_ssize_t i = 0; i < self->count; i++)
        count += i == 0 || !is_same_name(self->fields[i].name, self->fields[i - 1].name);
    return count;
}

static PyObject *headers_repr(hdpy_headers *self)
{
    PyObject *fields = headers_fields(self, NULL);
    PyObject *text = fields ? PyUnicode_FromFormat("Headers(%R)", fields) : NULL;

    Py_XDECREF(fields);
    return text;
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))headers_get, METH_FASTCALL, NULL},
    {"add", (PyCFunction)(void (*)(void))headers_add, METH_FASTCALL, NULL},
    {"fields", (PyCFunction)headers_fields, METH_NOARGS, NULL},
    {NULL}
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Header names and values; see httpdapy.handlers.headers."},
    {Py_tp_new, headers_new},
    {Py_tp_dealloc, headers_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_iter, headers_iter},
    {Py_tp_repr, headers_repr},
    {Py_mp_length, headers_length},
    {Py_mp_subscript, headers_getitem},
    {Py_mp_ass_subscript, headers_setitem},
    {Py_sq_contains, headers_contains},
    {0, NULL}
};

PyType_Spec hdpy_headers_spec = {
    .name = "httpdapy._link.Headers",
    .basicsize = sizeof(hdpy_headers),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};
